package main

import (
	"context"
	"errors"
	"fmt"
	"sync"

	resourcev1 "k8s.io/api/resource/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/dynamic-resource-allocation/kubeletplugin"
	"k8s.io/klog/v2"

	"peers/kubernetes/driverfiles"
	"peers/kubernetes/objects"
)

type driver struct {
	node  string
	specs driverfiles.Directory
	store *checkpointStore

	mutex     sync.Mutex
	published []resourcev1.Device
	devices   map[string]objects.Device
}

func newDriver(node, directory, cdiDirectory string) (*driver, error) {
	specs, err := driverfiles.OpenDirectory(cdiDirectory)
	if err != nil {
		return nil, err
	}
	store, err := openCheckpoint(directory)
	if err != nil {
		return nil, err
	}
	return &driver{node: node, specs: specs, store: store}, nil
}

// PrepareResourceClaims implements kubeletplugin.DRAPlugin. The claims are one pod's. The library lets no two calls run
// at once.
func (d *driver) PrepareResourceClaims(
	_ context.Context, claims []*resourcev1.ResourceClaim,
) (map[types.UID]kubeletplugin.PrepareResult, error) {
	results := map[types.UID]kubeletplugin.PrepareResult{}
	pods := map[types.UID]bool{}
	for _, claim := range claims {
		prepared, err := d.prepare(*claim)
		if err != nil {
			klog.ErrorS(err, "Can't prepare", "claim", klog.KObj(claim))
			results[claim.UID] = kubeletplugin.PrepareResult{Err: err}
			continue
		}
		results[claim.UID] = kubeletplugin.PrepareResult{Devices: pluginDevices(prepared)}
		pods[types.UID(prepared[0].PodUID)] = true
	}
	for pod := range pods {
		// Also where the claims had been prepared before: of what a reboot takes away, the driver writes this file
		// alone anew.
		if err := d.specs.WritePod(string(pod), d.store.addresses(pod)); err != nil {
			return nil, err
		}
	}
	return results, nil
}

func (d *driver) prepare(claim resourcev1.ResourceClaim) ([]preparedDevice, error) {
	if len(claim.Status.ReservedFor) != 1 {
		return nil, fmt.Errorf("claim %s/%s is reserved for %d pods, not for one",
			claim.Namespace, claim.Name, len(claim.Status.ReservedFor))
	}
	pod := claim.Status.ReservedFor[0].UID
	if before, found := d.store.get(pod, claim.UID); found {
		return before, nil
	}
	d.mutex.Lock()
	devices := d.devices
	d.mutex.Unlock()
	allocated, err := objects.Allocated(claim, devices)
	if err != nil {
		return nil, err
	}
	prepared, err := d.configure(claim, pod, allocated)
	if err != nil {
		return nil, errors.Join(err, unconfigure(prepared))
	}
	if err := d.store.set(pod, claim.UID, prepared); err != nil {
		return nil, errors.Join(err, unconfigure(prepared), d.specs.Remove(string(claim.UID)))
	}
	return prepared, nil
}

// configure gives back what it has done also where it fails.
func (d *driver) configure(
	claim resourcev1.ResourceClaim, pod types.UID, allocated []objects.Device,
) (done []preparedDevice, err error) {
	var files []driverfiles.Prepared
	for index, device := range allocated {
		result := claim.Status.Allocation.Devices.Results[index]
		config, err := driverfiles.ConfigOf(claim, result.Request)
		if err != nil {
			return done, err
		}
		original, vfioDevice, err := bind(device.PCIAddress, config.Driver)
		if err != nil {
			return done, err
		}
		done = append(done, preparedDevice{
			Device: checkpointDevice{
				RequestNames: []string{result.Request},
				PoolName:     result.Pool,
				DeviceName:   result.Device,
				CDIDeviceIDs: []string{
					objects.QualifiedName(objects.ClaimDeviceName(claim, device.Name)),
					objects.QualifiedName(string(pod)),
				},
			},
			ClaimNamespacedName: kubeletplugin.NamespacedObject{
				NamespacedName: types.NamespacedName{Namespace: claim.Namespace, Name: claim.Name},
				UID:            claim.UID,
			},
			Config:             config,
			PciAddress:         device.PCIAddress,
			MultusDeviceID:     device.DeviceID,
			MultusResourceName: device.ResourceName,
			PodUID:             string(pod),
			OriginalDriver:     original,
		})
		if err := driverfiles.SaveDeviceInfo(device); err != nil {
			return done, err
		}
		files = append(files, driverfiles.Prepared{Device: device, Config: config, VFIODevice: vfioDevice})
	}
	return done, d.specs.WriteClaim(claim, files)
}

func unconfigure(prepared []preparedDevice) error {
	var failures []error
	for _, each := range prepared {
		device := objects.Device{
			PCIAddress:   each.PciAddress,
			ResourceName: each.MultusResourceName,
			DeviceID:     each.MultusDeviceID,
		}
		failures = append(failures, driverfiles.CleanDeviceInfo(device))
		if each.Config.Driver != "" {
			failures = append(failures, rebind(each.PciAddress, each.OriginalDriver))
		}
	}
	return errors.Join(failures...)
}

// UnprepareResourceClaims implements kubeletplugin.DRAPlugin.
func (d *driver) UnprepareResourceClaims(
	_ context.Context, claims []kubeletplugin.NamespacedObject,
) (map[types.UID]error, error) {
	results := map[types.UID]error{}
	for _, claim := range claims {
		results[claim.UID] = d.unprepare(claim.UID)
	}
	return results, nil
}

func (d *driver) unprepare(claim types.UID) error {
	prepared, found := d.store.find(claim)
	if !found {
		return nil
	}
	pod := prepared[0].PodUID
	if err := errors.Join(unconfigure(prepared), d.specs.Remove(string(claim)), d.specs.Remove(pod)); err != nil {
		return err
	}
	return d.store.remove(types.UID(pod), claim)
}

// HandleError implements kubeletplugin.DRAPlugin.
func (d *driver) HandleError(_ context.Context, err error, message string) {
	klog.ErrorS(err, message)
}

func pluginDevices(prepared []preparedDevice) []kubeletplugin.Device {
	var devices []kubeletplugin.Device
	for _, each := range prepared {
		devices = append(devices, kubeletplugin.Device{
			Requests:     each.Device.RequestNames,
			PoolName:     each.Device.PoolName,
			DeviceName:   each.Device.DeviceName,
			CDIDeviceIDs: each.Device.CDIDeviceIDs,
		})
	}
	return devices
}
