//! The program's parts as bytecode, and how they come to life.
use std::borrow::Cow;
use std::cell::RefCell;
use std::collections::HashMap;

use miniz_oxide::inflate::decompress_to_vec;
use rquickjs::{Ctx, Exception, Module, Object, Persistent, Result};

macro_rules! part {
    ($name:literal) => {
        &include_bytes!(concat!(env!("DRA_SRIOV_PARTS"), "/", $name))[..]
    };
}

/// What only people wait for, or is hardly ever needed, is deflated: a third of the size, for half a millisecond.
fn inflate(deflated: &[u8]) -> Cow<'static, [u8]> {
    Cow::Owned(decompress_to_vec(deflated).expect("compile-part deflated it"))
}

fn bytecode(name: &str) -> Option<Cow<'static, [u8]>> {
    Some(match name {
        "boot" => part!("boot").into(),
        "plugin" => part!("plugin").into(),
        "add" => part!("add").into(),
        "check" => inflate(part!("check")),
        "status" => inflate(part!("status")),
        "gc" => inflate(part!("gc")),
        "give-back" => part!("give-back").into(),
        "ipv4" => part!("ipv4").into(),
        "ipv6" => part!("ipv6").into(),
        "yaml" => inflate(part!("yaml")),
        "sriov-cni-cache" => inflate(part!("sriov-cni-cache")),
        "cli" => inflate(part!("cli")),
        "operator" => inflate(part!("operator")),
        _ => return None,
    })
}

thread_local! {
    static LOADED: RefCell<HashMap<String, Persistent<Object<'static>>>> = RefCell::default();
}

/// Runs a part, a module, when it is first asked for, and returns what it exports: others may borrow from it.
pub fn load<'js>(ctx: Ctx<'js>, name: String) -> Result<Object<'js>> {
    if let Some(loaded) = LOADED.with_borrow(|parts| parts.get(&name).cloned()) {
        return loaded.restore(&ctx);
    }
    let exports = run(&ctx, &name)?;
    LOADED.with_borrow_mut(|parts| parts.insert(name, Persistent::save(&ctx, exports.clone())));
    Ok(exports)
}

fn run<'js>(ctx: &Ctx<'js>, name: &str) -> Result<Object<'js>> {
    let bytes = bytecode(name).ok_or_else(|| Exception::throw_message(ctx, "no such part"))?;
    // SAFETY: compile-part wrote it with this engine, and it lies in this executable
    let module = unsafe { Module::load(ctx.clone(), &bytes) }?;
    let (module, promise) = module.eval()?;
    // no part awaits anything at its top level
    promise.finish::<()>()?;
    module.namespace()
}
