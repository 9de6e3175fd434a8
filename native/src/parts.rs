//! The program's parts as bytecode, and how they come to life.
use std::borrow::Cow;

use miniz_oxide::inflate::decompress_to_vec;
use rquickjs::{Ctx, Exception, Module, Object, Result};

macro_rules! part {
    ($name:literal) => {
        &include_bytes!(concat!(env!("DRA_SRIOV_PARTS"), "/", $name))[..]
    };
}

/// What only people wait for is deflated: a third of the size, for half a millisecond.
fn inflate(deflated: &[u8]) -> Cow<'static, [u8]> {
    Cow::Owned(decompress_to_vec(deflated).expect("compile-part deflated it"))
}

fn bytecode(name: &str) -> Option<Cow<'static, [u8]>> {
    Some(match name {
        "boot" => part!("boot").into(),
        "plugin" => part!("plugin").into(),
        "ipv4" => part!("ipv4").into(),
        "ipv6" => part!("ipv6").into(),
        "yaml" => part!("yaml").into(),
        "sriov-cni-cache" => part!("sriov-cni-cache").into(),
        "cli" => inflate(part!("cli")),
        "operator" => inflate(part!("operator")),
        _ => return None,
    })
}

/// Runs a part, a module, and returns what it exports.
pub fn load<'js>(ctx: Ctx<'js>, name: String) -> Result<Object<'js>> {
    let bytes = bytecode(&name).ok_or_else(|| Exception::throw_message(&ctx, "no such part"))?;
    // SAFETY: compile-part wrote it with this engine, and it lies in this executable
    let module = unsafe { Module::load(ctx, &bytes) }?;
    let (module, promise) = module.eval()?;
    // no part awaits anything at its top level
    promise.finish::<()>()?;
    module.namespace()
}
