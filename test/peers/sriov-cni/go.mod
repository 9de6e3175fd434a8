// sriov-cni, the plugin whose place this one takes: 2.1.0, of 2019, is the newest release that the Go module proxy has. It names no versions
// of what it needs in the way of modules; these are those of its glide.yaml, as near as they are to be had.
module peers/sriov-cni

go 1.24.2

tool github.com/intel/sriov-cni/cmd/sriov

require (
	github.com/containernetworking/cni v0.6.0 // indirect
	github.com/containernetworking/plugins v0.7.4 // indirect
	github.com/coreos/go-iptables v0.4.0 // indirect
	github.com/davecgh/go-spew v1.1.1 // indirect
	github.com/intel/sriov-cni v2.1.0+incompatible // indirect
	github.com/onsi/ginkgo v1.6.0 // indirect
	github.com/onsi/gomega v1.4.2 // indirect
	github.com/pmezard/go-difflib v1.0.0 // indirect
	github.com/stretchr/objx v0.1.0 // indirect
	github.com/stretchr/testify v1.2.2 // indirect
	github.com/vishvananda/netlink v1.0.0 // indirect
	github.com/vishvananda/netns v0.0.4 // indirect
	golang.org/x/sys v0.20.0 // indirect
)

// Its sources import themselves by their old name.
replace github.com/intel/sriov-cni => github.com/k8snetworkplumbingwg/sriov-cni v2.1.0+incompatible
