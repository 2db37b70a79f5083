// SPDX-License-Identifier: BSD-2-Clause
/* lbd: options, start in order, stop in mirror order. */
int main(void)
{
	return 0;
}
