//! The program's parts as bytecode, and how they come to life.
use rquickjs::{Ctx, Exception, Module, Object, Result};

macro_rules! part {
    ($name:literal) => {
        include_bytes!(concat!(env!("DRA_SRIOV_PARTS"), "/", $name))
    };
}

fn bytecode(name: &str) -> Option<&'static [u8]> {
    Some(match name {
        "boot" => part!("boot"),
        "plugin" => part!("plugin"),
        "yaml" => part!("yaml"),
        "sriov-cni-cache" => part!("sriov-cni-cache"),
        "cli" => part!("cli"),
        "operator" => part!("operator"),
        _ => return None,
    })
}

/// Runs a part, a module, and returns what it exports.
pub fn load<'js>(ctx: Ctx<'js>, name: String) -> Result<Object<'js>> {
    let bytes = bytecode(&name).ok_or_else(|| Exception::throw_message(&ctx, "no such part"))?;
    // SAFETY: compile-part wrote it with this engine, and it lies in this executable
    let module = unsafe { Module::load(ctx, bytes) }?;
    let (module, promise) = module.eval()?;
    // no part awaits anything at its top level
    promise.finish::<()>()?;
    module.namespace()
}
