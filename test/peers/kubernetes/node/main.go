// Command node stands in for what Multus asks on a Kubernetes node: the API server, over TLS with a certificate authority and
// a token of its own, and the kubelet's list of pod resources. Both answer from files, which may change while it runs.
package main

import (
	"flag"
	"log"
	"net"
	"os"
	"path/filepath"

	"peers/kubernetes/objects"
)

func main() {
	directory := flag.String("objects", "", "`directory` of the API objects")
	kubeconfig := flag.String("kubeconfig", "", "kubeconfig to write, once the API server listens")
	socket := flag.String("kubelet", "", "socket of the kubelet's pod resources")
	flag.Parse()

	store := objects.Store(*directory)
	listener, err := listenUnix(*socket)
	if err != nil {
		log.Fatal(err)
	}
	go func() { log.Fatal(serveKubelet(listener, kubelet{store: store})) }()
	log.Fatal(serveAPI(store, *kubeconfig))
}

func listenUnix(path string) (net.Listener, error) {
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return nil, err
	}
	if err := os.RemoveAll(path); err != nil {
		return nil, err
	}
	return net.Listen("unix", path)
}
