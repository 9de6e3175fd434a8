package main

import (
	"context"
	"net"

	"google.golang.org/grpc"
	corev1 "k8s.io/api/core/v1"
	resourcev1 "k8s.io/api/resource/v1"
	podresources "k8s.io/kubelet/pkg/apis/podresources/v1"

	"peers/kubernetes/objects"
)

// kubelet lists the devices of every pod that come from ResourceClaims. Those with attributes for Multus are listed once more,
// as a device plugin's would be, with the resource names and IDs that the attributes tell. A Multus that reads ResourceSlices
// comes to these by itself; one that doesn't, only by such a list.
type kubelet struct {
	podresources.UnimplementedPodResourcesListerServer
	store objects.Store
}

func serveKubelet(listener net.Listener, server kubelet) error {
	service := grpc.NewServer()
	podresources.RegisterPodResourcesListerServer(service, server)
	return service.Serve(listener)
}

func (k kubelet) List(context.Context, *podresources.ListPodResourcesRequest) (*podresources.ListPodResourcesResponse, error) {
	pods, err := objects.List[corev1.Pod](k.store, "api/v1/namespaces/*/pods/*")
	if err != nil {
		return nil, err
	}
	response := &podresources.ListPodResourcesResponse{}
	for _, pod := range pods {
		// Multus takes the containers of a pod together, so one is enough.
		container, err := k.container(pod)
		if err != nil {
			return nil, err
		}
		response.PodResources = append(response.PodResources, &podresources.PodResources{
			Name:       pod.Name,
			Namespace:  pod.Namespace,
			Containers: []*podresources.ContainerResources{container},
		})
	}
	return response, nil
}

func (k kubelet) container(pod corev1.Pod) (*podresources.ContainerResources, error) {
	container := &podresources.ContainerResources{Name: pod.Spec.Containers[0].Name}
	all, err := objects.Devices(k.store)
	if err != nil {
		return nil, err
	}
	for _, reference := range pod.Spec.ResourceClaims {
		path := "apis/resource.k8s.io/v1/namespaces/" + pod.Namespace + "/resourceclaims/" + claimName(pod, reference)
		claim, err := objects.Read[resourcev1.ResourceClaim](k.store, path)
		if err != nil {
			return nil, err
		}
		allocated, err := objects.Allocated(claim, all)
		if err != nil {
			return nil, err
		}
		container.Devices = append(container.Devices, pluginDevices(allocated)...)
		container.DynamicResources = append(container.DynamicResources, dynamicResource(claim, string(pod.UID)))
	}
	return container, nil
}

// claimName is the claim that the pod names, or the one that was made for it from a template.
func claimName(pod corev1.Pod, reference corev1.PodResourceClaim) string {
	if reference.ResourceClaimName != nil {
		return *reference.ResourceClaimName
	}
	for _, status := range pod.Status.ResourceClaimStatuses {
		if status.Name == reference.Name && status.ResourceClaimName != nil {
			return *status.ResourceClaimName
		}
	}
	return ""
}

// dynamicResource names each device's CDI devices after those of the devices before it, as the kubelet does (1.34).
func dynamicResource(claim resourcev1.ResourceClaim, podUID string) *podresources.DynamicResource {
	resource := &podresources.DynamicResource{ClaimName: claim.Name, ClaimNamespace: claim.Namespace}
	var names []*podresources.CDIDevice
	for _, result := range claim.Status.Allocation.Devices.Results {
		for _, name := range []string{objects.ClaimDeviceName(claim, result.Device), podUID} {
			names = append(names, &podresources.CDIDevice{Name: objects.QualifiedName(name)})
		}
		resource.ClaimResources = append(resource.ClaimResources, &podresources.ClaimResource{
			CdiDevices: names,
			DriverName: result.Driver,
			PoolName:   result.Pool,
			DeviceName: result.Device,
		})
	}
	return resource
}

func pluginDevices(allocated []objects.Device) []*podresources.ContainerDevices {
	var devices []*podresources.ContainerDevices
	for _, device := range allocated {
		if device.ResourceName != "" && device.DeviceID != "" {
			devices = append(devices, &podresources.ContainerDevices{
				ResourceName: device.ResourceName,
				DeviceIds:    []string{device.DeviceID},
			})
		}
	}
	return devices
}
