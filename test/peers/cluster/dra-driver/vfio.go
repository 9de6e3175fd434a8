package main

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
)

const vfioDriver = "vfio-pci"

// bind binds a VF to a kernel driver, where one is asked for. It gives the driver that the VF had, and the VF's
// character device where it is vfio-pci's now.
func bind(address, wanted string) (original, vfioDevice string, err error) {
	if wanted == "" {
		return "", "", nil
	}
	device := filepath.Join("/sys/bus/pci/devices", address)
	// No link is no driver.
	original, _ = linkedName(filepath.Join(device, "driver"))
	if original == "." {
		original = ""
	}
	if err := rebind(address, wanted); err != nil {
		return original, "", err
	}
	if wanted != vfioDriver {
		return original, "", nil
	}
	group, err := linkedName(filepath.Join(device, "iommu_group"))
	if err != nil {
		return original, "", fmt.Errorf("the VF has no IOMMU group: %w", err)
	}
	return original, "/dev/vfio/" + group, nil
}

// rebind binds a VF to a driver; to the kernel's own choice where that is none or `default`.
func rebind(address, wanted string) error {
	device := filepath.Join("/sys/bus/pci/devices", address)
	override := wanted
	if wanted == "default" {
		override = ""
	}
	if err := write(filepath.Join(device, "driver_override"), override+"\n"); err != nil {
		return err
	}
	if err := write(filepath.Join(device, "driver/unbind"), address); err != nil && !os.IsNotExist(err) {
		return err
	}
	if err := write("/sys/bus/pci/drivers_probe", address); err != nil {
		return err
	}
	bound, err := linkedName(filepath.Join(device, "driver"))
	if err != nil || override != "" && bound != override {
		return fmt.Errorf("%s is not bound to %s but to %q", address, strings.TrimSpace(override), bound)
	}
	// The next driver is the kernel's choice again.
	return write(filepath.Join(device, "driver_override"), "\n")
}

func write(file, text string) error {
	return os.WriteFile(file, []byte(text), 0o200)
}
