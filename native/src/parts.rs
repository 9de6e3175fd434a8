//! The program's parts as bytecode, and how they are loaded.
use std::borrow::Cow;
use std::cell::RefCell;
use std::mem::ManuallyDrop;

use miniz_oxide::inflate::decompress_to_vec;
use rquickjs::{Ctx, Exception, Module, Object, Persistent, Result};

struct Part {
    name: &'static str,
    /// True for a part for which only people wait, or that hardly any run needs.
    deflated: bool,
    bytes: &'static [u8],
}

/// Written by scripts/build/native.ts.
static PARTS: &[Part] = &include!(concat!(env!("DRA_SRIOV_PARTS"), "/parts.rs"));

fn bytecode(name: &str) -> Option<Cow<'static, [u8]>> {
    let part = PARTS.iter().find(|part| part.name == name)?;
    Some(if part.deflated {
        Cow::Owned(decompress_to_vec(part.bytes).expect("compile-part deflated it"))
    } else {
        part.bytes.into()
    })
}

thread_local! {
    /// Never dropped, because std's work for that at the end of a thread takes five system calls.
    static LOADED: ManuallyDrop<RefCell<Vec<(String, Persistent<Object<'static>>)>>> = ManuallyDrop::default();
}

fn find(loaded: &[(String, Persistent<Object<'static>>)], name: &str) -> Option<Persistent<Object<'static>>> {
    loaded.iter().find(|(each, _)| each == name).map(|(_, exports)| exports.clone())
}

/// Runs a part, which is a module, at the first call, and returns its exports, from which other parts may borrow.
pub fn load<'js>(ctx: Ctx<'js>, name: String) -> Result<Object<'js>> {
    if let Some(loaded) = LOADED.with(|parts| find(&parts.borrow(), &name)) {
        return loaded.restore(&ctx);
    }
    let exports = run(&ctx, &name)?;
    LOADED.with(|parts| parts.borrow_mut().push((name, Persistent::save(&ctx, exports.clone()))));
    Ok(exports)
}

fn run<'js>(ctx: &Ctx<'js>, name: &str) -> Result<Object<'js>> {
    let bytes = bytecode(name).ok_or_else(|| Exception::throw_message(ctx, "no such part"))?;
    // SAFETY: compile-part wrote it with this engine, and it lies in this executable
    let module = unsafe { Module::load(ctx.clone(), &bytes) }?;
    let (module, promise) = module.eval()?;
    // No part awaits anything at its top level.
    promise.finish::<()>()?;
    module.namespace()
}
