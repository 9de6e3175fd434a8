//! compile-part INPUT.js OUTPUT plain|deflated: compiles an ES module to QuickJS bytecode. Function names stay, for
//! stack traces. Line numbers don't, because they are a tenth of what every start has to read.
use std::{env, error::Error, fs};

use miniz_oxide::deflate::compress_to_vec;
use rquickjs::module::WriteOptions;
use rquickjs::{CatchResultExt, Context, Module, Runtime};

/// The level of the smallest output, however long it takes.
const LEVEL: u8 = 10;

fn main() -> Result<(), Box<dyn Error>> {
    let [_, input, output, form] = &env::args().collect::<Vec<_>>()[..] else {
        return Err("usage: compile-part INPUT.js OUTPUT plain|deflated".into());
    };
    let name = input.rsplit('/').next().unwrap_or(input);
    let source = fs::read(input)?;
    let context = Context::full(&Runtime::new()?)?;
    let mut bytecode = context.with(|ctx| {
        let options = WriteOptions { strip_source: true, strip_debug: true, ..Default::default() };
        Module::declare(ctx.clone(), name, source)
            .and_then(|module| module.write(options))
            .catch(&ctx)
            .map_err(|error| error.to_string())
    })?;
    // The engine takes this for a checksum that isn't to be checked: the bytecode is as safe as the code around it.
    bytecode[1..5].fill(0xff);
    fs::write(output, if form == "deflated" { compress_to_vec(&bytecode, LEVEL) } else { bytecode })?;
    Ok(())
}
