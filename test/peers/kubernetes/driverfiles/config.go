package driverfiles

import (
	"encoding/json"
	"slices"

	resourcev1 "k8s.io/api/resource/v1"

	"peers/kubernetes/objects"
)

// A VfConfig is what a claim asks of the driver for its VFs.
type VfConfig struct {
	// Driver is the kernel's to bind the VF to; empty to leave it alone.
	Driver           string `json:"driver,omitempty"`
	NetAttachDefName string `json:"netAttachDefName,omitempty"`
}

// ConfigOf is the VfConfig that a claim's allocation has for a request; empty where it has none.
func ConfigOf(claim resourcev1.ResourceClaim, request string) (VfConfig, error) {
	var vfConfig VfConfig
	for _, config := range claim.Status.Allocation.Devices.Config {
		if config.Opaque == nil || config.Opaque.Driver != objects.DriverName {
			continue
		}
		if len(config.Requests) > 0 && !slices.Contains(config.Requests, request) {
			continue
		}
		err := json.Unmarshal(config.Opaque.Parameters.Raw, &vfConfig)
		return vfConfig, err
	}
	return vfConfig, nil
}
