// SPDX-License-Identifier: GPL-2.0
// An RDMA device on a PCI device, without hardware: it does nothing but be there, and can change its network namespace.
#include <linux/module.h>
#include <linux/pci.h>
#include <rdma/ib_verbs.h>

static char *parent;
module_param(parent, charp, 0);
MODULE_PARM_DESC(parent, "PCI address, 0000:01:10.0");

struct fake_device {
	struct ib_device ib;
	struct pci_dev *pci;
};

static struct fake_device *fake;

static int query_device(struct ib_device *ib, struct ib_device_attr *attr, struct ib_udata *udata)
{
	return 0;
}

static int query_port(struct ib_device *ib, u32 port, struct ib_port_attr *attr)
{
	attr->state = IB_PORT_ACTIVE;
	return 0;
}

static int get_port_immutable(struct ib_device *ib, u32 port, struct ib_port_immutable *immutable)
{
	return 0;
}

/* Only devices with this one may be moved (ib_device_set_netns_put). */
static void disassociate_ucontext(struct ib_ucontext *context)
{
}

static const struct ib_device_ops ops = {
	.owner = THIS_MODULE,
	.driver_id = RDMA_DRIVER_UNKNOWN,
	.query_device = query_device,
	.query_port = query_port,
	.get_port_immutable = get_port_immutable,
	.disassociate_ucontext = disassociate_ucontext,
};

static int __init fake_init(void)
{
	unsigned int domain, bus, slot, function;
	int err = -ENODEV;

	if (!parent || sscanf(parent, "%x:%x:%x.%x", &domain, &bus, &slot, &function) != 4)
		return -EINVAL;
	fake = ib_alloc_device(fake_device, ib);
	if (!fake)
		return -ENOMEM;
	fake->pci = pci_get_domain_bus_and_slot(domain, bus, PCI_DEVFN(slot, function));
	if (!fake->pci)
		goto dealloc;
	fake->ib.dev.parent = &fake->pci->dev;
	fake->ib.node_type = RDMA_NODE_UNSPECIFIED;
	fake->ib.phys_port_cnt = 1;
	ib_set_device_ops(&fake->ib, &ops);
	err = ib_register_device(&fake->ib, "fake%d", NULL);
	if (!err)
		return 0;
	pci_dev_put(fake->pci);
dealloc:
	ib_dealloc_device(&fake->ib);
	return err;
}

static void __exit fake_exit(void)
{
	struct pci_dev *pci = fake->pci;

	ib_unregister_device(&fake->ib);
	ib_dealloc_device(&fake->ib);
	pci_dev_put(pci);
}

module_init(fake_init);
module_exit(fake_exit);
MODULE_LICENSE("GPL");
MODULE_DESCRIPTION("RDMA device for tests");
