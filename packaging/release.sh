#!/usr/bin/env bash
# packaging/release.sh [FEATURES]: what a release consists of, for this machine's platform, into target/release-files:
#   aees-VERSION-TARGET.tar.xz   the program, licences of all crates in it, manual pages, completions
#   aees-*.whl                   the same program for pip
#   aees-VERSION.cdx.json        the bill of materials (CycloneDX)
#   SHA256SUMS
# Needs: cargo install cargo-about --features cli; cargo install cargo-cyclonedx; pip install maturin.
set -euo pipefail
cd "$(dirname "$0")/.."
features=${1-}
for tool in cargo-about cargo-cyclonedx maturin xz sha256sum; do
    command -v "$tool" >/dev/null || { echo "release.sh: $tool is not here; the head of this script says how to get it" >&2; exit 1; }
done
[ -z "$(git status --porcelain)" ] || { echo "release.sh: commit first: a release is of a commit" >&2; exit 1; }

out=target/release-files
rm -rf "$out"
mkdir -p "$out"
notices=LICENSE-THIRD-PARTY.txt
trap 'rm -f "$notices"; find . -name "*.cdx.json" -not -path "./target/*" -delete' EXIT
# Of the crates' own files: nobody is asked, and the same commit gives the same notices.
cargo fetch --locked --quiet
cargo about generate --frozen --features "$features" --config packaging/about.toml --output-file "$notices" packaging/about.hbs
# Panics name the files of crates: what the folders of whoever builds are called is nobody's.
crates=${CARGO_HOME:-$HOME/.cargo}
export RUSTFLAGS="${RUSTFLAGS-} --remap-path-prefix=$crates=cargo --remap-path-prefix=$PWD=aees"
# The wheel takes the notices, as their name begins like the licences'.
maturin build --release --locked --features "$features" --out "$out"

program=${CARGO_TARGET_DIR:-target}/release/aees
if grep -aq -e "$crates" -e "$PWD" "$program"; then echo "release.sh: the program holds paths of this machine" >&2; exit 1; fi
version=$("$program" -V | cut -d' ' -f2)
target=$(rustc -vV | sed -n 's/^host: //p')
name=aees-$version-$target
folder=$(mktemp -d)/$name
mkdir -p "$folder/completions"
cp "$program" README.md CHANGELOG.md LICENSE-* "$folder"
cp report/src/figures/font/LICENSE "$folder/LICENSE-DejaVu"
"$program" man "$folder/man" >/dev/null
for shell in bash zsh fish powershell; do "$program" completions "$shell" >"$folder/completions/aees.$shell"; done
tar --create --xz --file "$out/$name.tar.xz" --directory "$(dirname "$folder")" \
    --sort=name --owner=0 --group=0 --numeric-owner --mtime="@$(git log -1 --format=%ct)" "$name"

cargo cyclonedx --format json --features "$features" --spec-version 1.5 >/dev/null
# Where it was built is nobody's.
sed "s|file://$PWD|file:///aees|g" aees.cdx.json >"$out/aees-$version.cdx.json"
python3 -m json.tool "$out/aees-$version.cdx.json" >/dev/null
(cd "$out" && sha256sum -- * >SHA256SUMS)
ls -l "$out"
