#!/usr/bin/env bash
# Runs the tests of burn's engine on a GPU that software plays, so that kernels are tested where there is no GPU.
#
#   tests/software_vulkan.sh [swiftshader|lavapipe] [FILTERS...]
#
# Fetches the driver from Debian's packages into target/software-vulkan (nothing is installed, and no root is needed), builds
# the tests of `aees-train` with the feature `wgpu` and without tuned kernels, and runs those that FILTERS name: by default
# burn's own and the engine suite. FEATURES=vulkan takes the SPIR-V path instead of WGSL, and Vulkan 1.3 with it: with burn
# 0.22.1 lavapipe 25.0.7 crashes in its own compiler in each test tried that computes there, and SwiftShader knows no pointers.
#
# It is no part of .ci/run: the first build alone takes two cores more than ten minutes.
set -euo pipefail
cd "$(dirname "$0")/.."

driver=${1:-swiftshader}
if [ $# -gt 0 ]; then shift; fi
features=${FEATURES:-wgpu}
work=$PWD/target/software-vulkan/$driver
release=$(. /etc/os-release && echo "$VERSION_CODENAME")

# apt with lists and archives of our own.
private_apt() {
    apt-get -q -o Dir::State="$work/apt" -o Dir::State::status=/var/lib/dpkg/status -o Dir::Cache="$work/apt" \
        -o Dir::Etc::sourceparts=/dev/null -o Dir::Etc::sourcelist="$work/sources.list" -o Debug::NoLocking=1 \
        -o APT::Sandbox::User= "$@" >&2
}

# The sources that this machine has, and Debian's backports beside them.
prepare_apt() {
    mkdir -p "$work/apt/lists/partial" "$work/apt/archives/partial" "$work/root"
    local sources main
    sources=$(apt-get indextargets --format '$(REPO_URI) $(RELEASE)' 'Created-By: Packages' 'Origin: Debian' | sort -u)
    main=$(echo "$sources" | grep " $release\$" | head -n 1)
    { echo "$sources"; echo "$main-backports"; } | while read -r uri suite; do
        echo "deb [signed-by=/usr/share/keyrings/debian-archive-keyring.gpg] $uri $suite main"
    done >"$work/sources.list"
    private_apt update
}

fetch_driver() {
    prepare_apt
    local library archives=$work/apt/archives
    case $driver in
    swiftshader)
        (cd "$archives" && private_apt download libvulkan1 chromium-common)
        library=$work/root/usr/lib/chromium/libvk_swiftshader.so
        ;;
    lavapipe)
        # From the backports: Debian 12's own, 22.3, crashes on burn's shaders.
        private_apt --yes --no-install-recommends --download-only -t "$release-backports" install \
            libvulkan1 mesa-vulkan-drivers
        library=$work/root/usr/lib/x86_64-linux-gnu/libvulkan_lvp.so
        ;;
    esac
    for package in "$archives"/*.deb; do
        dpkg -x "$package" "$work/root"
        rm "$package"
    done
    printf '{"file_format_version": "1.0.0", "ICD": {"library_path": "%s", "api_version": "1.3.0"}}\n' "$library" \
        >"$work/driver.json"
}

case $driver in
swiftshader | lavapipe) ;;
*)
    echo "no driver $driver: expected swiftshader or lavapipe" >&2
    exit 1
    ;;
esac
if [ ! -e "$work/driver.json" ]; then fetch_driver; fi

cargo test -p aees-train --features "$features" --test main --no-run
export VK_DRIVER_FILES=$work/driver.json VK_ICD_FILENAMES=$work/driver.json
export LD_LIBRARY_PATH=$work/root/usr/lib/x86_64-linux-gnu${LD_LIBRARY_PATH:+:$LD_LIBRARY_PATH}
case $features in
*vulkan*) device=vulkan:0 ;;
*) device=wgpu ;;
esac
if [ $# -eq 0 ]; then set -- burn:: engine::; fi
AEES_TEST_DEVICE=$device cargo test -p aees-train --features "$features" --test main -- --test-threads 1 "$@"
