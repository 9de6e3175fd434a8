// Command dra-driver is a DRA driver for SR-IOV on the kubelet's own plugin library, which takes the place of
// dra-driver-sriov in MULTUS mode: same name, devices, attributes, policies, CDI specs, device-info and checkpoint, and
// the same settings in the environment.
package main

import (
	"context"
	"errors"
	"os"
	"os/signal"
	"syscall"
	"time"

	"k8s.io/client-go/dynamic"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/tools/clientcmd"
	"k8s.io/dynamic-resource-allocation/kubeletplugin"
	"k8s.io/klog/v2"

	"peers/kubernetes/objects"
)

// An emulated CPU is long at a request.
const policyInterval = 10 * time.Second

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGINT, syscall.SIGTERM)
	defer stop()
	if err := run(ctx, os.Getenv("NODE_NAME"), os.Getenv("NAMESPACE")); err != nil && !errors.Is(err, context.Canceled) {
		klog.Fatal(err)
	}
}

// run serves the kubelet until ctx ends. Policies are those of the namespace.
func run(ctx context.Context, node, namespace string) error {
	config, err := clientcmd.BuildConfigFromFlags("", os.Getenv("KUBECONFIG"))
	if err != nil {
		return err
	}
	client, err := kubernetes.NewForConfig(config)
	if err != nil {
		return err
	}
	policies, err := dynamic.NewForConfig(config)
	if err != nil {
		return err
	}
	found, err := discover("/sys/bus/pci/devices")
	if err != nil {
		return err
	}
	directory := kubeletplugin.KubeletPluginsDir + "/" + objects.DriverName
	if err := os.MkdirAll(directory, 0o750); err != nil {
		return err
	}
	driver, err := newDriver(node, directory, "/var/run/cdi")
	if err != nil {
		return err
	}
	helper, err := kubeletplugin.Start(ctx, driver,
		kubeletplugin.DriverName(objects.DriverName),
		kubeletplugin.NodeName(node),
		kubeletplugin.KubeClient(client),
		kubeletplugin.PluginDataDirectoryPath(directory),
	)
	if err != nil {
		return err
	}
	defer helper.Stop()
	for {
		if err := driver.publish(ctx, helper, policyReader{client: policies, namespace: namespace}, found); err != nil {
			klog.ErrorS(err, "Can't publish the VFs")
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(policyInterval):
		}
	}
}
