package objects

import (
	"fmt"
	"maps"

	resourcev1 "k8s.io/api/resource/v1"
	"tags.cncf.io/container-device-interface/pkg/parser"
)

const (
	// DriverName is the DRA driver's for SR-IOV; it is the vendor of its CDI devices too.
	DriverName = "sriovnetwork.k8snetworkplumbingwg.io"
	// CDIClass is the class of its CDI devices.
	CDIClass = "vf"
)

// A Device is what a ResourceSlice says of a VF.
type Device struct {
	Name       string
	PCIAddress string
	// Of the attributes for Multus; empty where no policy sets them.
	ResourceName, DeviceID string
}

// Devices reads the driver's devices from all ResourceSlices, by pool and name.
func Devices(s Store) (map[string]Device, error) {
	slices, err := List[resourcev1.ResourceSlice](s, "apis/resource.k8s.io/v1/resourceslices/*")
	if err != nil {
		return nil, err
	}
	devices := map[string]Device{}
	for _, slice := range slices {
		maps.Copy(devices, DevicesOf(slice.Spec.Pool.Name, slice.Spec.Devices))
	}
	return devices, nil
}

// DevicesOf reads the devices of a pool, by pool and name.
func DevicesOf(pool string, devices []resourcev1.Device) map[string]Device {
	found := map[string]Device{}
	for _, device := range devices {
		found[key(pool, device.Name)] = Device{
			Name:         device.Name,
			PCIAddress:   text(device, DriverName+"/pciAddress"),
			ResourceName: text(device, "k8s.cni.cncf.io/resourceName"),
			DeviceID:     text(device, "k8s.cni.cncf.io/deviceID"),
		}
	}
	return found
}

// Allocated finds the devices of a claim among all, in the order of the allocation.
func Allocated(claim resourcev1.ResourceClaim, all map[string]Device) ([]Device, error) {
	if claim.Status.Allocation == nil {
		return nil, fmt.Errorf("claim %s/%s is not allocated", claim.Namespace, claim.Name)
	}
	var devices []Device
	for _, result := range claim.Status.Allocation.Devices.Results {
		device, found := all[key(result.Pool, result.Device)]
		if !found {
			return nil, fmt.Errorf("claim %s/%s: no ResourceSlice has device %s", claim.Namespace, claim.Name, result.Device)
		}
		devices = append(devices, device)
	}
	return devices, nil
}

// ClaimDeviceName is the name of a VF's CDI device in the spec of its claim.
func ClaimDeviceName(claim resourcev1.ResourceClaim, device string) string {
	return fmt.Sprintf("%s-%s", claim.UID, device)
}

// QualifiedName is the full name of one of the driver's CDI devices.
func QualifiedName(name string) string {
	return parser.QualifiedName(DriverName, CDIClass, name)
}

func key(pool, device string) string { return pool + "/" + device }

func text(device resourcev1.Device, attribute resourcev1.QualifiedName) string {
	if value := device.Attributes[attribute].StringValue; value != nil {
		return *value
	}
	return ""
}
