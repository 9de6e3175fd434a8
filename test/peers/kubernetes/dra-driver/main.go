// Command dra-driver leaves on the node what the DRA driver for SR-IOV leaves there in MULTUS mode when the kubelet
// prepares a pod's claims.
package main

import (
	"flag"
	"log"

	resourcev1 "k8s.io/api/resource/v1"

	"peers/kubernetes/driverfiles"
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
	specs, err := driverfiles.OpenDirectory(cdiDirectory)
	if err != nil {
		return err
	}
	addresses := map[string][]string{}
	for _, claim := range claims {
		devices, err := objects.Allocated(claim, all)
		if err != nil {
			return err
		}
		if err := prepareClaim(specs, claim, devices); err != nil {
			return err
		}
		pod := string(claim.Status.ReservedFor[0].UID)
		for _, device := range devices {
			addresses[pod] = append(addresses[pod], device.PCIAddress)
		}
	}
	for pod, held := range addresses {
		if err := specs.WritePod(pod, held); err != nil {
			return err
		}
	}
	return nil
}

func prepareClaim(specs driverfiles.Directory, claim resourcev1.ResourceClaim, devices []objects.Device) error {
	var prepared []driverfiles.Prepared
	for index, device := range devices {
		if err := driverfiles.SaveDeviceInfo(device); err != nil {
			return err
		}
		config, err := driverfiles.ConfigOf(claim, claim.Status.Allocation.Devices.Results[index].Request)
		if err != nil {
			return err
		}
		prepared = append(prepared, driverfiles.Prepared{Device: device, Config: config})
	}
	return specs.WriteClaim(claim, prepared)
}
