// Package driverfiles writes what the DRA driver for SR-IOV leaves on a node in MULTUS mode, CDI specs and device-info,
// by the libraries that the driver itself writes them with.
package driverfiles

import (
	"fmt"
	"strings"

	nadv1 "github.com/k8snetworkplumbingwg/network-attachment-definition-client/pkg/apis/k8s.cni.cncf.io/v1"
	nadutils "github.com/k8snetworkplumbingwg/network-attachment-definition-client/pkg/utils"
	resourcev1 "k8s.io/api/resource/v1"
	"tags.cncf.io/container-device-interface/pkg/cdi"
	cdispec "tags.cncf.io/container-device-interface/specs-go"

	"peers/kubernetes/objects"
)

// A Prepared VF of a claim, and what the claim's containers get with it.
type Prepared struct {
	objects.Device
	Config VfConfig
	// VFIODevice is the VF's character device, where it is bound to vfio-pci; empty otherwise.
	VFIODevice string
}

// A Directory holds CDI specs.
type Directory struct{ cache *cdi.Cache }

// OpenDirectory opens a directory of CDI specs, which may not exist yet.
func OpenDirectory(path string) (Directory, error) {
	cache, err := cdi.NewCache(cdi.WithSpecDirs(path), cdi.WithAutoRefresh(false))
	return Directory{cache: cache}, err
}

// WriteClaim writes the spec of a claim, with a device for each of its VFs.
func (d Directory) WriteClaim(claim resourcev1.ResourceClaim, devices []Prepared) error {
	spec := &cdispec.Spec{}
	for _, device := range devices {
		key := strings.ReplaceAll(device.Name, "-", "_")
		edits := cdispec.ContainerEdits{Env: []string{
			fmt.Sprintf("SRIOVNETWORK_VF_DEVICE_%s=%s", key, device.PCIAddress),
			"SRIOVNETWORK_NET_ATTACH_DEF_NAME=" + device.Config.NetAttachDefName,
		}}
		if device.VFIODevice != "" {
			edits.Env = append(edits.Env, fmt.Sprintf("SRIOVNETWORK_%s_VFIO_DEVICE=%s", key, device.VFIODevice))
			for _, path := range []string{device.VFIODevice, "/dev/vfio/vfio"} {
				edits.DeviceNodes = append(edits.DeviceNodes, &cdispec.DeviceNode{Path: path, HostPath: path, Type: "c"})
			}
		}
		name := objects.ClaimDeviceName(claim, device.Name)
		spec.Devices = append(spec.Devices, cdispec.Device{Name: name, ContainerEdits: edits})
	}
	return d.write(spec, string(claim.UID))
}

// WritePod writes the spec of a pod, with the addresses of the VFs of all its claims.
func (d Directory) WritePod(pod string, addresses []string) error {
	env := []string{"SRIOVNETWORK_PCI_ADDRESSES=" + strings.Join(addresses, ",")}
	device := cdispec.Device{Name: pod, ContainerEdits: cdispec.ContainerEdits{Env: env}}
	return d.write(&cdispec.Spec{Devices: []cdispec.Device{device}}, pod)
}

// Remove removes the spec of a claim or a pod; it is no error where there is none.
func (d Directory) Remove(uid string) error {
	return d.cache.RemoveSpec(specName(uid))
}

func (d Directory) write(spec *cdispec.Spec, uid string) error {
	spec.Kind = objects.DriverName + "/" + objects.CDIClass
	version, err := cdispec.MinimumRequiredVersion(spec)
	if err != nil {
		return err
	}
	spec.Version = version
	return d.cache.WriteSpec(spec, specName(uid))
}

func specName(uid string) string {
	return cdi.GenerateTransientSpecName(objects.DriverName, objects.CDIClass, uid)
}

// SaveDeviceInfo writes the device-info of a VF; nothing for one without the attributes for Multus, as the driver.
func SaveDeviceInfo(device objects.Device) error {
	if err := CleanDeviceInfo(device); err != nil || !isForMultus(device) {
		return err
	}
	return nadutils.SaveDeviceInfoForDP(device.ResourceName, device.DeviceID, &nadv1.DeviceInfo{
		Type:    nadv1.DeviceInfoTypePCI,
		Version: nadv1.DeviceInfoVersion,
		Pci:     &nadv1.PciDevice{PciAddress: device.PCIAddress},
	})
}

// CleanDeviceInfo removes the device-info of a VF.
func CleanDeviceInfo(device objects.Device) error {
	if !isForMultus(device) {
		return nil
	}
	return nadutils.CleanDeviceInfoForDP(device.ResourceName, device.DeviceID)
}

func isForMultus(device objects.Device) bool {
	return device.ResourceName != "" && device.DeviceID != ""
}
