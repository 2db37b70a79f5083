#!/bin/sh
# The corpus of fuzz_check, once.
srcdir=${srcdir:-$(dirname "$0")/../..}
exec "$srcdir/tests/fuzz/run-corpus" tests/fuzz/fuzz_check "$srcdir/tests/fuzz/corpus/check"
