//! compile-part INPUT.js OUTPUT lines|plain: compiles an ES module to QuickJS bytecode, with line numbers for stack traces or without.
use std::{env, error::Error, fs};

use rquickjs::module::WriteOptions;
use rquickjs::{CatchResultExt, Context, Module, Runtime};

fn main() -> Result<(), Box<dyn Error>> {
    let [_, input, output, lines] = &env::args().collect::<Vec<_>>()[..] else {
        return Err("usage: compile-part INPUT.js OUTPUT lines|plain".into());
    };
    let name = input.rsplit('/').next().unwrap_or(input);
    let source = fs::read(input)?;
    let context = Context::full(&Runtime::new()?)?;
    let bytecode = context.with(|ctx| {
        Module::declare(ctx.clone(), name, source)
            .and_then(|module| module.write(WriteOptions { strip_source: true, strip_debug: lines == "plain", ..Default::default() }))
            .catch(&ctx)
            .map_err(|error| error.to_string())
    })?;
    fs::write(output, bytecode)?;
    Ok(())
}
