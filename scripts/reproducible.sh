#!/usr/bin/env bash
# Builds the native executable here and in a copy of the working tree in another directory, and compares the bytes of
# both, and those of the licences and the bill of materials. Takes as long as a first build. Needs cargo.
set -euo pipefail

cd "$(dirname "${BASH_SOURCE[0]}")/.."

./build.sh --runtime native
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
# Longer than any usual path, so that one that is left in the executable moves what follows it.
readonly copy=$scratch/in/a/directory/whose/path/is/longer/than/that/of/most/checkouts/of/this/repository
mkdir -p "$copy"
git ls-files -z --cached --others --exclude-standard |
  tar --create --null --files-from=- --ignore-failed-read |
  tar --extract --directory "$copy"
cp -a node_modules "$copy"
rm -rf "$copy/node_modules/.cache"
(cd "$copy" && ./build.sh --runtime native)

failed=0
for file in dra-sriov dra-sriov.licenses.txt dra-sriov.cdx.json; do
  cmp "dist/native/$file" "$copy/dist/native/$file" || failed=1
done
[[ $failed -eq 1 ]] || echo "the same bytes: $(sha256sum <dist/native/dra-sriov | cut -d' ' -f1)"
exit "$failed"
