// Command network-status reads a CNI result on stdin and prints what Multus writes of it into the pod's annotation
// k8s.v1.cni.cncf.io/network-status, by the library that Multus does it with.
package main

import (
	"encoding/json"
	"flag"
	"fmt"
	"io"
	"log"
	"os"

	cnicreate "github.com/containernetworking/cni/pkg/types/create"
	nadv1 "github.com/k8snetworkplumbingwg/network-attachment-definition-client/pkg/apis/k8s.cni.cncf.io/v1"
	nadutils "github.com/k8snetworkplumbingwg/network-attachment-definition-client/pkg/utils"
)

func main() {
	network := flag.String("network", "", "`name` of the network")
	deviceInfo := flag.String("device-info", "", "`file` that Multus copied for the attachment")
	flag.Parse()
	if err := run(*network, *deviceInfo); err != nil {
		log.Fatal(err)
	}
}

func run(network, deviceInfo string) error {
	bytes, err := io.ReadAll(os.Stdin)
	if err != nil {
		return err
	}
	result, err := cnicreate.CreateFromBytes(bytes)
	if err != nil {
		return fmt.Errorf("the result: %w", err)
	}
	var device *nadv1.DeviceInfo
	if deviceInfo != "" {
		if device, err = nadutils.LoadDeviceInfoFromCNI(deviceInfo); err != nil {
			return fmt.Errorf("the device information: %w", err)
		}
	}
	statuses, err := nadutils.CreateNetworkStatuses(result, network, false, device)
	if err != nil {
		return err
	}
	return json.NewEncoder(os.Stdout).Encode(statuses)
}
