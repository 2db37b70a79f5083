#!/bin/sh
# The corpus of fuzz_vrrp, once.
srcdir=${srcdir:-$(dirname "$0")/../..}
exec "$srcdir/tests/fuzz/run-corpus" tests/fuzz/fuzz_vrrp "$srcdir/tests/fuzz/corpus/vrrp"
