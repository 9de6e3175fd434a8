package main

import (
	"encoding/json"
	"slices"

	"k8s.io/apimachinery/pkg/types"
	"k8s.io/dynamic-resource-allocation/kubeletplugin"
	"k8s.io/kubernetes/pkg/kubelet/checkpointmanager"
	"k8s.io/kubernetes/pkg/kubelet/checkpointmanager/checksum"

	"peers/kubernetes/driverfiles"
)

const checkpointName = "checkpoint.json"

// A preparedDevice is what the driver keeps of a VF while a claim has it. JSON has the names of the fields, as the
// driver's.
type preparedDevice struct {
	Device              checkpointDevice
	ClaimNamespacedName kubeletplugin.NamespacedObject
	Config              driverfiles.VfConfig
	IfName              string
	PciAddress          string
	MultusDeviceID      string
	MultusResourceName  string
	PodUID              string
	OriginalDriver      string
}

// A checkpointDevice has the JSON of the kubelet's own type, whose fields Kubernetes 1.34 and 1.36 name differently.
type checkpointDevice struct {
	RequestNames []string `json:"request_names,omitempty"`
	PoolName     string   `json:"pool_name,omitempty"`
	DeviceName   string   `json:"device_name,omitempty"`
	CDIDeviceIDs []string `json:"cdi_device_ids,omitempty"`
}

type preparedClaims map[types.UID]map[types.UID][]preparedDevice

// A checkpoint is the driver's file of what is prepared, by pod and claim.
type checkpoint struct {
	Checksum checksum.Checksum `json:"checksum"`
	V1       checkpointV1      `json:"v1"`
}

type checkpointV1 struct {
	PreparedClaimsByPodUID preparedClaims `json:"preparedClaimsByPodUID,omitempty"`
}

// MarshalCheckpoint implements checkpointmanager.Checkpoint.
func (c *checkpoint) MarshalCheckpoint() ([]byte, error) {
	c.Checksum = 0
	bytes, err := json.Marshal(c)
	if err != nil {
		return nil, err
	}
	c.Checksum = checksum.New(bytes)
	return json.Marshal(c)
}

// UnmarshalCheckpoint implements checkpointmanager.Checkpoint.
func (c *checkpoint) UnmarshalCheckpoint(bytes []byte) error { return json.Unmarshal(bytes, c) }

// VerifyChecksum implements checkpointmanager.Checkpoint.
func (c *checkpoint) VerifyChecksum() error {
	bytes, err := json.Marshal(checkpoint{V1: c.V1})
	if err != nil {
		return err
	}
	return c.Checksum.Verify(bytes)
}

// A checkpointStore is what is prepared, in memory and in the checkpoint.
type checkpointStore struct {
	manager checkpointmanager.CheckpointManager
	claims  preparedClaims
}

func openCheckpoint(directory string) (*checkpointStore, error) {
	manager, err := checkpointmanager.NewCheckpointManager(directory)
	if err != nil {
		return nil, err
	}
	store := &checkpointStore{manager: manager, claims: preparedClaims{}}
	names, err := manager.ListCheckpoints()
	if err != nil {
		return nil, err
	}
	if !slices.Contains(names, checkpointName) {
		return store, store.save()
	}
	saved := &checkpoint{}
	if err := manager.GetCheckpoint(checkpointName, saved); err != nil {
		return nil, err
	}
	if saved.V1.PreparedClaimsByPodUID != nil {
		store.claims = saved.V1.PreparedClaimsByPodUID
	}
	return store, nil
}

func (s *checkpointStore) save() error {
	return s.manager.CreateCheckpoint(checkpointName, &checkpoint{V1: checkpointV1{PreparedClaimsByPodUID: s.claims}})
}

func (s *checkpointStore) get(pod, claim types.UID) ([]preparedDevice, bool) {
	prepared, found := s.claims[pod][claim]
	return prepared, found
}

func (s *checkpointStore) find(claim types.UID) ([]preparedDevice, bool) {
	for _, claims := range s.claims {
		if prepared, found := claims[claim]; found {
			return prepared, true
		}
	}
	return nil, false
}

// addresses are those of all VFs of a pod. Across claims their order is random, as the driver's.
func (s *checkpointStore) addresses(pod types.UID) []string {
	var addresses []string
	for _, prepared := range s.claims[pod] {
		for _, each := range prepared {
			addresses = append(addresses, each.PciAddress)
		}
	}
	return addresses
}

func (s *checkpointStore) set(pod, claim types.UID, prepared []preparedDevice) error {
	if s.claims[pod] == nil {
		s.claims[pod] = map[types.UID][]preparedDevice{}
	}
	s.claims[pod][claim] = prepared
	return s.save()
}

func (s *checkpointStore) remove(pod, claim types.UID) error {
	delete(s.claims[pod], claim)
	if len(s.claims[pod]) == 0 {
		delete(s.claims, pod)
	}
	return s.save()
}
