package main

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"fmt"
	"math/big"
	"net"
	"net/http"
	"os"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/tools/clientcmd"
	clientcmdapi "k8s.io/client-go/tools/clientcmd/api"

	"peers/kubernetes/objects"
)

const token = "multus"

// serveAPI serves a store on a free port of localhost. The kubeconfig that reaches it is written once it has answered: Multus
// waits a quarter of a second for an answer, and what is asked first on an emulated processor takes longer.
func serveAPI(store objects.Store, kubeconfig string) error {
	certificate, authority, err := newCertificate()
	if err != nil {
		return err
	}
	listener, err := tls.Listen("tcp", "127.0.0.1:0", &tls.Config{
		Certificates: []tls.Certificate{certificate},
		NextProtos:   []string{"http/1.1"},
	})
	if err != nil {
		return err
	}
	served := make(chan error, 1)
	go func() { served <- http.Serve(listener, api{store: store, token: token}) }()
	if err := writeKubeconfig(kubeconfig+".new", listener.Addr(), authority); err != nil {
		return err
	}
	if err := ask(kubeconfig + ".new"); err != nil {
		return err
	}
	if err := os.Rename(kubeconfig+".new", kubeconfig); err != nil {
		return err
	}
	return <-served
}

// ask asks the API server that a kubeconfig names for an object that it hasn't got.
func ask(kubeconfig string) error {
	config, err := clientcmd.BuildConfigFromFlags("", kubeconfig)
	if err != nil {
		return err
	}
	client, err := kubernetes.NewForConfig(config)
	if err != nil {
		return err
	}
	_, err = client.CoreV1().Pods("default").Get(context.Background(), "none", metav1.GetOptions{})
	if !apierrors.IsNotFound(err) {
		return fmt.Errorf("the API server answers %w", err)
	}
	return nil
}

// newCertificate makes a certificate for localhost that is its own authority, and the PEM of it.
func newCertificate() (tls.Certificate, []byte, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return tls.Certificate{}, nil, err
	}
	template := &x509.Certificate{
		SerialNumber:          big.NewInt(1),
		Subject:               pkix.Name{CommonName: "kubernetes"},
		NotBefore:             time.Now().Add(-time.Hour),
		NotAfter:              time.Now().Add(24 * time.Hour),
		IPAddresses:           []net.IP{net.IPv4(127, 0, 0, 1)},
		IsCA:                  true,
		BasicConstraintsValid: true,
		KeyUsage:              x509.KeyUsageDigitalSignature | x509.KeyUsageCertSign,
		ExtKeyUsage:           []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		return tls.Certificate{}, nil, err
	}
	authority := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}, authority, nil
}

func writeKubeconfig(file string, address net.Addr, authority []byte) error {
	const name = "node"
	config := clientcmdapi.NewConfig()
	config.Clusters[name] = &clientcmdapi.Cluster{
		Server:                   "https://" + address.String(),
		CertificateAuthorityData: authority,
	}
	config.AuthInfos[name] = &clientcmdapi.AuthInfo{Token: token}
	config.Contexts[name] = &clientcmdapi.Context{Cluster: name, AuthInfo: name}
	config.CurrentContext = name
	return clientcmd.WriteToFile(*config, file)
}
