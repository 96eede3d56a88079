//! burn itself: its optimizer on host and device, and the networks under it against PyTorch.

#[cfg(feature = "gpu")]
mod enqueued;
mod five_steps;
#[cfg(feature = "gpu")]
mod launches;
mod model;
mod optimizer_device;
mod optimizer_host;
mod optimizer_pytorch;

use aees_train::engine::burn::device::handle;

/// burn's handles of the devices that are tested, each with its name.
fn devices() -> impl Iterator<Item = (String, ::burn::tensor::Device)> {
    let of_burn = crate::engine::targets().into_iter().filter(|target| target.engine.name() == "burn");
    of_burn.map(|target| (target.device.describe(), handle(&target.device).unwrap()))
}
