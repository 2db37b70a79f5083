// SPDX-License-Identifier: BSD-2-Clause
/* Reads what the programs have counted.
 *
 * A per-CPU map gives an array of values, one for each possible CPU, for each key.  The structs are
 * nothing but 64-bit counters: they are added up as such. */
#include "xmit/countmaps.h"

#include <bpf/bpf.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

_Static_assert(sizeof(struct server_stats) % sizeof(uint64_t) == 0, "counters only");
_Static_assert(sizeof(struct port_stats) % sizeof(uint64_t) == 0, "counters only");

/* Reads n values of `words` counters for each CPU, from key `first` on, into memory that the caller
 * frees.  NULL with *ret_error. */
static uint64_t *read_run(int fd, const struct countmaps *m, uint32_t first, unsigned n,
			  size_t words, int *ret_error)
{
	uint32_t before = first - 1, last, count = n, *keys = calloc(n, sizeof(*keys));
	uint64_t *values = calloc((size_t)n * m->n_cpus * words, sizeof(*values));
	int r = -ENOMEM;

	/* -ENOENT: the map's end was reached with them. */
	if (keys && values)
		r = bpf_map_lookup_batch(fd, first ? &before : NULL, &last, keys, values, &count,
					 NULL);
	if (count == n && r == -ENOENT)
		r = 0;
	free(keys);
	if (!r && count == n)
		return values;
	free(values);
	*ret_error = r ? r : -EIO;
	return NULL;
}

/* Adds up n values of all CPUs. */
static int sum_run(int fd, const struct countmaps *m, uint32_t first, unsigned n, size_t words,
		   void *ret)
{
	uint64_t *sums = ret, *values;
	size_t i, cpu, word;
	int r = 0;

	memset(ret, 0, n * words * sizeof(*sums));
	values = read_run(fd, m, first, n, words, &r);
	for (i = 0; values && i < n; i++)
		for (cpu = 0; cpu < m->n_cpus; cpu++)
			for (word = 0; word < words; word++)
				sums[i * words + word] +=
					values[(i * m->n_cpus + cpu) * words + word];
	free(values);
	return r;
}

int countmaps_read_servers(const struct countmaps *m, uint32_t first, unsigned n,
			   struct server_stats *ret)
{
	return sum_run(m->server_stats, m, first, n, sizeof(*ret) / sizeof(uint64_t), ret);
}

int countmaps_clear_server(const struct countmaps *m, uint32_t server)
{
	struct server_stats *cpus = calloc(m->n_cpus, sizeof(*cpus));
	int r;

	if (!cpus)
		return -ENOMEM;
	r = bpf_map_update_elem(m->server_stats, &server, cpus, BPF_ANY);
	free(cpus);
	return r;
}

int countmaps_read_port(const struct countmaps *m, uint32_t ifindex, struct port_stats *ret)
{
	if (ifindex >= PORT_MAX) {
		memset(ret, 0, sizeof(*ret));
		return 0;
	}
	return sum_run(m->port_stats, m, ifindex, 1, sizeof(*ret) / sizeof(uint64_t), ret);
}

int countmaps_read_cpus(const struct countmaps *m, uint64_t (*ret)[HOOKS][COUNTERS])
{
	uint64_t *values;
	size_t i, cpu;
	int r = 0;

	memset(ret, 0, m->n_cpus * sizeof(*ret));
	values = read_run(m->counters, m, 0, HOOKS * COUNTERS, 1, &r);
	for (i = 0; values && i < HOOKS * COUNTERS; i++)
		for (cpu = 0; cpu < m->n_cpus; cpu++)
			ret[cpu][i / COUNTERS][i % COUNTERS] = values[i * m->n_cpus + cpu];
	free(values);
	return r;
}
