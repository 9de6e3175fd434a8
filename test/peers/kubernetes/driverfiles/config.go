package main

import (
	"encoding/json"
	"slices"

	resourcev1 "k8s.io/api/resource/v1"

	"peers/kubernetes/objects"
)

// networkOf is the netAttachDefName of the VfConfig that a claim's allocation has for a request; empty where it has none.
func networkOf(claim resourcev1.ResourceClaim, request string) (string, error) {
	for _, config := range claim.Status.Allocation.Devices.Config {
		if config.Opaque == nil || config.Opaque.Driver != objects.DriverName {
			continue
		}
		if len(config.Requests) > 0 && !slices.Contains(config.Requests, request) {
			continue
		}
		var vfConfig struct {
			NetAttachDefName string `json:"netAttachDefName"`
		}
		if err := json.Unmarshal(config.Opaque.Parameters.Raw, &vfConfig); err != nil {
			return "", err
		}
		return vfConfig.NetAttachDefName, nil
	}
	return "", nil
}
