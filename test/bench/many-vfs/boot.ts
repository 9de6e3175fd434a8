// The part `boot` of a native executable for nodes of many VFs: to answers about a PF's VFs it adds the attributes that
// are in the file BENCH_VF_LIST. All else is the executable that is measured.
import './vf-list.ts';
import '../../../src/hosts/native.ts';
