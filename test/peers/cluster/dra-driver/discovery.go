package main

import (
	"os"
	"path/filepath"
	"strconv"
	"strings"

	resourcev1 "k8s.io/api/resource/v1"

	"peers/kubernetes/objects"
)

// A vf is what the driver knows of a VF before a policy says more.
type vf struct {
	device     resourcev1.Device
	pciAddress string
	pfName     string
}

// discover finds the VFs of all PFs that have a netdev, below a directory of PCI devices.
func discover(devices string) ([]vf, error) {
	functions, err := filepath.Glob(filepath.Join(devices, "*", "virtfn*"))
	if err != nil {
		return nil, err
	}
	var found []vf
	for _, function := range functions {
		pf := filepath.Dir(function)
		names, err := os.ReadDir(filepath.Join(pf, "net"))
		if err != nil || len(names) == 0 {
			continue
		}
		address, err := linkedName(function)
		if err != nil {
			return nil, err
		}
		index, err := strconv.ParseInt(strings.TrimPrefix(filepath.Base(function), "virtfn"), 10, 64)
		if err != nil {
			return nil, err
		}
		found = append(found, describe(pf, function, address, names[0].Name(), index))
	}
	return found, nil
}

func describe(pf, function, address, pfName string, index int64) vf {
	own := func(name string) resourcev1.QualifiedName {
		return resourcev1.QualifiedName(objects.DriverName + "/" + name)
	}
	numaNode, err := strconv.ParseInt(content(pf, "numa_node"), 10, 64)
	if err != nil {
		numaNode = -1
	}
	attributes := map[resourcev1.QualifiedName]resourcev1.DeviceAttribute{
		own("vendor"):                     text(hexID(pf, "vendor")),
		own("deviceID"):                   text(hexID(function, "device")),
		own("pfDeviceID"):                 text(hexID(pf, "device")),
		own("pciAddress"):                 text(address),
		own("PFName"):                     text(pfName),
		own("pfPciAddress"):               text(filepath.Base(pf)),
		own("EswitchMode"):                text("legacy"),
		own("linkType"):                   text("ethernet"),
		own("vfID"):                       {IntValue: &index},
		own("rdmaCapable"):                {BoolValue: new(bool)},
		"k8s.cni.cncf.io/deviceID":        text(address),
		"resource.kubernetes.io/pciBusID": text(address),
		"resource.kubernetes.io/pcieRoot": text("pci" + pcieRoot(pf)),
		"dra.net/numaNode":                {IntValue: &numaNode},
	}
	name := strings.NewReplacer(":", "-", ".", "-").Replace(address)
	return vf{
		device:     resourcev1.Device{Name: name, Attributes: attributes},
		pciAddress: address,
		pfName:     pfName,
	}
}

func text(value string) resourcev1.DeviceAttribute {
	return resourcev1.DeviceAttribute{StringValue: &value}
}

func linkedName(link string) (string, error) {
	target, err := os.Readlink(link)
	return filepath.Base(target), err
}

func content(directory, name string) string {
	bytes, err := os.ReadFile(filepath.Join(directory, name))
	if err != nil {
		return ""
	}
	return strings.TrimSpace(string(bytes))
}

func hexID(directory, name string) string {
	return strings.TrimPrefix(content(directory, name), "0x")
}

// pcieRoot is the domain and bus of the root complex that a device hangs from: /sys/devices/pciDDDD:BB/...
func pcieRoot(device string) string {
	path, err := filepath.EvalSymlinks(device)
	if err != nil {
		return ""
	}
	root, _, _ := strings.Cut(strings.TrimPrefix(path, "/sys/devices/pci"), "/")
	return root
}
