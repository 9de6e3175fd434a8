package main

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"reflect"
	"slices"

	resourcev1 "k8s.io/api/resource/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/client-go/dynamic"
	"k8s.io/dynamic-resource-allocation/kubeletplugin"
	"k8s.io/dynamic-resource-allocation/resourceslice"

	"peers/kubernetes/objects"
)

// A policy says which VFs are advertised, and with which attributes besides their own.
type policy struct {
	Spec struct {
		Configs []struct {
			DeviceAttributesSelector *metav1.LabelSelector `json:"deviceAttributesSelector"`
			ResourceFilters          []resourceFilter      `json:"resourceFilters"`
		} `json:"configs"`
	} `json:"spec"`
}

// A resourceFilter fits a VF where all of its lists that aren't empty do.
type resourceFilter struct {
	PciAddresses []string `json:"pciAddresses"`
	PfNames      []string `json:"pfNames"`
}

type deviceAttributes struct {
	metav1.ObjectMeta `json:"metadata"`
	Spec              struct {
		Attributes map[resourcev1.QualifiedName]resourcev1.DeviceAttribute `json:"attributes"`
	} `json:"spec"`
}

type policyReader struct {
	client    dynamic.Interface
	namespace string
}

// publish tells the API server which VFs there are, where that has changed since it was last told.
func (d *driver) publish(ctx context.Context, helper *kubeletplugin.Helper, reader policyReader, found []vf) error {
	devices, err := reader.advertised(ctx, found)
	if err != nil {
		return err
	}
	if d.isAdvertised(devices) {
		return nil
	}
	slice := resourceslice.Slice{Devices: devices}
	pools := map[string]resourceslice.Pool{d.node: {Slices: []resourceslice.Slice{slice}}}
	if err := helper.PublishResources(ctx, resourceslice.DriverResources{Pools: pools}); err != nil {
		return err
	}
	d.setAdvertised(devices)
	return nil
}

func (d *driver) isAdvertised(devices []resourcev1.Device) bool {
	d.mutex.Lock()
	defer d.mutex.Unlock()
	return d.devices != nil && reflect.DeepEqual(d.published, devices)
}

func (d *driver) setAdvertised(devices []resourcev1.Device) {
	d.mutex.Lock()
	defer d.mutex.Unlock()
	d.published = devices
	d.devices = objects.DevicesOf(d.node, devices)
}

// advertised are the VFs that a policy fits, in the order of their addresses.
func (r policyReader) advertised(ctx context.Context, found []vf) ([]resourcev1.Device, error) {
	policies, err := list[policy](ctx, r, "sriovresourcepolicies")
	if err != nil {
		return nil, err
	}
	all, err := list[deviceAttributes](ctx, r, "deviceattributes")
	if err != nil {
		return nil, err
	}
	var devices []resourcev1.Device
	for _, each := range found {
		device, fits, err := apply(policies, all, each)
		if err != nil {
			return nil, err
		}
		if fits {
			devices = append(devices, device)
		}
	}
	slices.SortFunc(devices, func(one, other resourcev1.Device) int {
		return slices.Compare([]byte(one.Name), []byte(other.Name))
	})
	return devices, nil
}

func apply(policies []policy, all []deviceAttributes, each vf) (resourcev1.Device, bool, error) {
	device := *each.device.DeepCopy()
	fits := false
	for _, policy := range policies {
		for _, config := range policy.Spec.Configs {
			if len(config.ResourceFilters) > 0 && !slices.ContainsFunc(config.ResourceFilters, each.passes) {
				continue
			}
			fits = true
			selector, err := metav1.LabelSelectorAsSelector(config.DeviceAttributesSelector)
			if err != nil {
				return device, false, fmt.Errorf("a policy's deviceAttributesSelector: %w", err)
			}
			for _, attributes := range all {
				if selector.Matches(labels.Set(attributes.Labels)) {
					maps.Copy(device.Attributes, attributes.Spec.Attributes)
				}
			}
		}
	}
	return device, fits, nil
}

func (v vf) passes(filter resourceFilter) bool {
	has := func(list []string, value string) bool { return len(list) == 0 || slices.Contains(list, value) }
	return has(filter.PciAddresses, v.pciAddress) && has(filter.PfNames, v.pfName)
}

func list[T any](ctx context.Context, r policyReader, resource string) ([]T, error) {
	kind := schema.GroupVersionResource{Group: objects.DriverName, Version: "v1alpha1", Resource: resource}
	found, err := r.client.Resource(kind).Namespace(r.namespace).List(ctx, metav1.ListOptions{})
	if err != nil {
		return nil, err
	}
	bytes, err := json.Marshal(found.Items)
	if err != nil {
		return nil, err
	}
	var items []T
	return items, json.Unmarshal(bytes, &items)
}
