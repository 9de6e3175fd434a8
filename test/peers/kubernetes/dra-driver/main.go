// Command dra-driver leaves on the node what the DRA driver for SR-IOV leaves there in MULTUS mode when the kubelet prepares a
// pod's claims: CDI specs and device-info, by the libraries that the driver itself writes them with.
package main

import (
	"flag"
	"fmt"
	"log"
	"strings"

	nadv1 "github.com/k8snetworkplumbingwg/network-attachment-definition-client/pkg/apis/k8s.cni.cncf.io/v1"
	nadutils "github.com/k8snetworkplumbingwg/network-attachment-definition-client/pkg/utils"
	resourcev1 "k8s.io/api/resource/v1"
	"tags.cncf.io/container-device-interface/pkg/cdi"
	cdispec "tags.cncf.io/container-device-interface/specs-go"

	"peers/kubernetes/objects"
)

func main() {
	directory := flag.String("objects", "", "`directory` of the API objects")
	cdiDirectory := flag.String("cdi", "/var/run/cdi", "directory of the CDI specs")
	flag.Parse()
	if err := prepareAll(objects.Store(*directory), *cdiDirectory); err != nil {
		log.Fatal(err)
	}
}

// prepareAll prepares every claim, and then every pod that a claim is reserved for.
func prepareAll(store objects.Store, cdiDirectory string) error {
	claims, err := objects.List[resourcev1.ResourceClaim](store, "apis/resource.k8s.io/v1/namespaces/*/resourceclaims/*")
	if err != nil {
		return err
	}
	all, err := objects.Devices(store)
	if err != nil {
		return err
	}
	cache, err := cdi.NewCache(cdi.WithSpecDirs(cdiDirectory), cdi.WithAutoRefresh(false))
	if err != nil {
		return err
	}
	addresses := map[string][]string{}
	for _, claim := range claims {
		devices, err := objects.Allocated(claim, all)
		if err != nil {
			return err
		}
		if err := prepareClaim(cache, claim, devices); err != nil {
			return err
		}
		pod := string(claim.Status.ReservedFor[0].UID)
		for _, device := range devices {
			addresses[pod] = append(addresses[pod], device.PCIAddress)
		}
	}
	for pod, held := range addresses {
		if err := preparePod(cache, pod, held); err != nil {
			return err
		}
	}
	return nil
}

func prepareClaim(cache *cdi.Cache, claim resourcev1.ResourceClaim, devices []objects.Device) error {
	spec := &cdispec.Spec{}
	for index, device := range devices {
		if err := saveDeviceInfo(device); err != nil {
			return err
		}
		network, err := networkOf(claim, claim.Status.Allocation.Devices.Results[index].Request)
		if err != nil {
			return err
		}
		env := []string{
			fmt.Sprintf("SRIOVNETWORK_VF_DEVICE_%s=%s", strings.ReplaceAll(device.Name, "-", "_"), device.PCIAddress),
			"SRIOVNETWORK_NET_ATTACH_DEF_NAME=" + network,
		}
		spec.Devices = append(spec.Devices, cdiDevice(objects.ClaimDeviceName(claim, device.Name), env))
	}
	return writeSpec(cache, spec, string(claim.UID))
}

func preparePod(cache *cdi.Cache, pod string, addresses []string) error {
	env := []string{"SRIOVNETWORK_PCI_ADDRESSES=" + strings.Join(addresses, ",")}
	return writeSpec(cache, &cdispec.Spec{Devices: []cdispec.Device{cdiDevice(pod, env)}}, pod)
}

func cdiDevice(name string, env []string) cdispec.Device {
	return cdispec.Device{Name: name, ContainerEdits: cdispec.ContainerEdits{Env: env}}
}

func writeSpec(cache *cdi.Cache, spec *cdispec.Spec, id string) error {
	spec.Kind = objects.DriverName + "/" + objects.CDIClass
	version, err := cdispec.MinimumRequiredVersion(spec)
	if err != nil {
		return err
	}
	spec.Version = version
	return cache.WriteSpec(spec, cdi.GenerateTransientSpecName(objects.DriverName, objects.CDIClass, id))
}

// saveDeviceInfo writes nothing for a device without the attributes for Multus, as the driver.
func saveDeviceInfo(device objects.Device) error {
	if device.ResourceName == "" || device.DeviceID == "" {
		return nil
	}
	if err := nadutils.CleanDeviceInfoForDP(device.ResourceName, device.DeviceID); err != nil {
		return err
	}
	return nadutils.SaveDeviceInfoForDP(device.ResourceName, device.DeviceID, &nadv1.DeviceInfo{
		Type:    nadv1.DeviceInfoTypePCI,
		Version: nadv1.DeviceInfoVersion,
		Pci:     &nadv1.PciDevice{PciAddress: device.PCIAddress},
	})
}
