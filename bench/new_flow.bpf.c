// SPDX-License-Identifier: BSD-2-Clause
/* Feeds a program fresh frames, each of a new flow; and the least that a flow table costs.
 *
 * BPF_PROG_TEST_RUN gives each repetition the frame that the last one left behind.  feed_*() writes
 * it anew, with the next client port, and calls the program that is measured; one that does nothing
 * tells what that costs by itself.
 */
#include <stdbool.h>

#include <linux/bpf.h>
#include <linux/pkt_cls.h>
#include <bpf/bpf_endian.h>
#include <bpf/bpf_helpers.h>

#include "ipvs/abi.h"

#define HEADERS4   54 /* Ethernet, IP, TCP without options */
#define HEADERS6   74
#define PORTS4	   34
#define PORTS6	   54
#define PORT_BITS  15 /* ports for one client address */
#define PORT_FIRST 1024

char LICENSE[] SEC("license")
= "Dual BSD/GPL";

/* The same key and value as lbd's flow tables, the same kind of map; the loader sets the size. */
struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 1);
	__type(key, struct flow4_key);
	__type(value, struct flow4);
} table4 SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 1);
	__type(key, struct flow6_key);
	__type(value, struct flow6);
} table6 SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_PROG_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, __u32);
} measured_tc SEC(".maps")
, measured_xdp SEC(".maps");

/* Set before each run. */
__u8 frame[HEADERS6]; /* headers, with the first client address */
__u32 v6;
__u32 next; /* the number of the next flow */

/* ---- Feeding --------------------------------------------------------------------------------- */

/* Makes an IPv4 header's checksum right. */
static __always_inline void mend(__u16 *word)
{
	__u32 sum = 0;
	int i;

	word[5] = 0;
#pragma unroll
	for (i = 0; i < 10; i++)
		sum += word[i];
	sum = (sum & 0xffff) + (sum >> 16);
	word[5] = ~(sum + (sum >> 16));
}

static __always_inline bool feed(__u8 *data, __u8 *end)
{
	__u32 n = next++;
	__be16 port = bpf_htons(PORT_FIRST + (n & ((1 << PORT_BITS) - 1)));
	__u32 client = n >> PORT_BITS;

	if (data + HEADERS6 > end)
		return false;
	if (v6) {
		__builtin_memcpy(data, frame, HEADERS6);
		data[PORTS6 - 18] = client >> 8; /* the end of the source address */
		data[PORTS6 - 17] = client;
		*(__be16 *)(data + PORTS6) = port;
	} else {
		__builtin_memcpy(data, frame, HEADERS4);
		data[PORTS4 - 7] = client >> 8;
		data[PORTS4 - 6] = client;
		mend((__u16 *)(data + PORTS4 - 20));
		*(__be16 *)(data + PORTS4) = port;
	}
	return true;
}

SEC("tc")
int feed_tc(struct __sk_buff *skb)
{
	if (feed((void *)(long)skb->data, (void *)(long)skb->data_end))
		bpf_tail_call(skb, &measured_tc, 0);
	return TC_ACT_SHOT;
}

SEC("xdp")
int feed_xdp(struct xdp_md *xdp)
{
	if (feed((void *)(long)xdp->data, (void *)(long)xdp->data_end))
		bpf_tail_call(xdp, &measured_xdp, 0);
	return XDP_ABORTED;
}

/* ---- What is measured besides lbd's programs --------------------------------------------------
 */

SEC("tc")
int nothing_tc(struct __sk_buff *skb)
{
	return TC_ACT_OK;
}

SEC("xdp")
int nothing_xdp(struct xdp_md *xdp)
{
	return XDP_PASS;
}

/* One lookup that misses, one insert.  0, or what went wrong. */
static __always_inline long insert4(__u8 *data, __u8 *end)
{
	struct flow4_key key = { .proto = 6 };
	struct flow4 flow = {};

	if (data + HEADERS4 > end)
		return -1;
	__builtin_memcpy(&key.t, data + PORTS4 - 8, sizeof(key.t));
	if (bpf_map_lookup_elem(&table4, &key))
		return -1;
	flow.to = key.t;
	return bpf_map_update_elem(&table4, &key, &flow, BPF_NOEXIST);
}

static __always_inline long insert6(__u8 *data, __u8 *end)
{
	struct flow6_key key = { .proto = 6 };
	struct flow6 flow = {};

	if (data + HEADERS6 > end)
		return -1;
	__builtin_memcpy(&key.t, data + PORTS6 - 32, sizeof(key.t));
	if (bpf_map_lookup_elem(&table6, &key))
		return -1;
	flow.to = key.t;
	return bpf_map_update_elem(&table6, &key, &flow, BPF_NOEXIST);
}

static __always_inline long insert(__u8 *data, __u8 *end)
{
	return v6 ? insert6(data, end) : insert4(data, end);
}

SEC("tc")
int insert_tc(struct __sk_buff *skb)
{
	return insert((void *)(long)skb->data, (void *)(long)skb->data_end) ? TC_ACT_SHOT
									    : TC_ACT_OK;
}

SEC("xdp")
int insert_xdp(struct xdp_md *xdp)
{
	return insert((void *)(long)xdp->data, (void *)(long)xdp->data_end) ? XDP_DROP : XDP_PASS;
}
