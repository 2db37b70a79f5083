#!/bin/sh
# Feeds the corpus to the fuzz target of rtnetlink messages.
exec "${srcdir:?}/tests/fuzz/run-corpus" tests/fuzz/fuzz_netlink "${srcdir:?}/tests/fuzz/corpus/netlink"
