// SPDX-License-Identifier: Apache-2.0
/* The virtio capabilities of PCI devices, read from config space: whether a device has a DAX
 * window, and how large. */
#include "guest.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/pci_regs.h>
#include <linux/virtio_pci.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define DEVICES "/sys/bus/pci/devices"
/* Red Hat's vendor id, which all virtio devices carry (virtio 1.4, "PCI Device Discovery"). */
#define VENDOR_VIRTIO 0x1af4
/* Config space of conventional PCI; the capability list lies in it. */
#define CONFIG_SIZE 256
/* A list that is longer than the space allows has a loop. */
#define CAPS_MAX (CONFIG_SIZE / 4)

static uint16_t get16(const unsigned char *p)
{
	return (uint16_t)(p[0] | p[1] << 8);
}

static uint32_t get32(const unsigned char *p)
{
	return get16(p) | (uint32_t)get16(p + 2) << 16;
}

static ssize_t read_config(const char *address, unsigned char *ret)
{
	char path[300];
	ssize_t n;
	int fd;

	(void)snprintf(path, sizeof(path), DEVICES "/%.255s/config", address);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return -errno;
	n = read(fd, ret, CONFIG_SIZE);
	if (n < 0)
		n = -errno;
	(void)close(fd);
	return n;
}

/* Call @visit for each virtio capability that lies wholly within the @size bytes. */
static void walk(const unsigned char *config, size_t size,
		 void (*visit)(const unsigned char *cap, size_t room))
{
	size_t at;

	if (size <= PCI_CAPABILITY_LIST || !(get16(config + PCI_STATUS) & PCI_STATUS_CAP_LIST))
		return;
	at = config[PCI_CAPABILITY_LIST] & ~3U;
	for (int i = 0; i < CAPS_MAX && at >= PCI_STD_HEADER_SIZEOF && at + 4 <= size; i++) {
		if (config[at] == PCI_CAP_ID_VNDR && at + sizeof(struct virtio_pci_cap) <= size &&
		    config[at + VIRTIO_PCI_CAP_LEN] >= sizeof(struct virtio_pci_cap))
			visit(config + at, size - at);
		at = config[at + VIRTIO_PCI_CAP_NEXT] & ~3U;
	}
}

static void visit_type(const unsigned char *cap, size_t room)
{
	(void)room;
	json_u64(cap[VIRTIO_PCI_CAP_CFG_TYPE]);
}

static void visit_shm(const unsigned char *cap, size_t room)
{
	uint64_t offset = get32(cap + VIRTIO_PCI_CAP_OFFSET);
	uint64_t length = get32(cap + VIRTIO_PCI_CAP_LENGTH);

	if (cap[VIRTIO_PCI_CAP_CFG_TYPE] != VIRTIO_PCI_CAP_SHARED_MEMORY_CFG)
		return;
	/* struct virtio_pci_cap64: the upper halves follow. */
	if (room >= sizeof(struct virtio_pci_cap) + 8 &&
	    cap[VIRTIO_PCI_CAP_LEN] >= sizeof(struct virtio_pci_cap) + 8) {
		offset |= (uint64_t)get32(cap + sizeof(struct virtio_pci_cap)) << 32;
		length |= (uint64_t)get32(cap + sizeof(struct virtio_pci_cap) + 4) << 32;
	}
	json_open('{');
	json_key("id");
	json_u64(cap[offsetof(struct virtio_pci_cap, id)]);
	json_key("bar");
	json_u64(cap[VIRTIO_PCI_CAP_BAR]);
	json_key("offset");
	json_u64(offset);
	json_key("length");
	json_u64(length);
	json_close('}');
}

static void print_device(const char *address, const unsigned char *config, size_t size)
{
	char id[16];

	json_open('{');
	json_key("address");
	json_string(address);
	json_key("device");
	(void)snprintf(id, sizeof(id), "0x%04x", get16(config + PCI_DEVICE_ID));
	json_string(id);
	json_key("virtio_caps");
	json_open('[');
	walk(config, size, visit_type);
	json_close(']');
	json_key("shm");
	json_open('[');
	walk(config, size, visit_shm);
	json_close(']');
	json_close('}');
}

int cmd_pci_caps(int argc, char **argv)
{
	unsigned char config[CONFIG_SIZE] = { 0 };
	struct dirent *entry;
	DIR *dir;
	int e;

	(void)argv;
	if (argc != 0)
		return 2;
	dir = opendir(DEVICES);
	if (!dir && errno != ENOENT)
		return guest_fail(errno, "open %s", DEVICES);
	json_open('{');
	json_key("devices");
	json_open('[');
	while (dir && (entry = readdir(dir))) {
		ssize_t n = entry->d_name[0] == '.' ? 0 : read_config(entry->d_name, config);

		if (n >= PCI_STD_HEADER_SIZEOF && get16(config + PCI_VENDOR_ID) == VENDOR_VIRTIO)
			print_device(entry->d_name, config, (size_t)n);
	}
	if (dir)
		(void)closedir(dir);
	json_close(']');
	json_close('}');
	e = json_end();
	return e < 0 ? guest_fail(-e, "write to stdout") : 0;
}
