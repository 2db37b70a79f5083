#!/bin/sh
# The corpus of fuzz_conf, once.
srcdir=${srcdir:-$(dirname "$0")/../..}
exec "$srcdir/tests/fuzz/run-corpus" tests/fuzz/fuzz_conf "$srcdir/tests/fuzz/corpus/conf"
