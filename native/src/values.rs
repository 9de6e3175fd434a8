//! Values on their way between JavaScript and Rust.
use std::io;

use rquickjs::function::This;
use rquickjs::{
    ArrayBuffer, Ctx, Error, FromJs, Function, IntoJs, Object, Result as JsResult, String as JsString, TypedArray,
    Value,
};

/// Why the system refused.
pub struct Failure {
    pub errno: i32,
    pub detail: &'static str,
}

impl Failure {
    pub fn new(errno: i32, detail: &'static str) -> Self {
        Self { errno, detail }
    }
}

impl From<io::Error> for Failure {
    /// std refuses a NUL in a path without a system call.
    fn from(error: io::Error) -> Self {
        Self::new(error.raw_os_error().unwrap_or(libc::EINVAL), "")
    }
}

impl From<rustix::io::Errno> for Failure {
    fn from(errno: rustix::io::Errno) -> Self {
        Self::new(errno.raw_os_error(), "")
    }
}

pub type Outcome<T> = Result<T, Failure>;

/// What a host function returns: a value, or the exception `{ errno, detail }`.
pub struct Answer<T>(pub Outcome<T>);

impl<'js, T: IntoJs<'js>> IntoJs<'js> for Answer<T> {
    fn into_js(self, ctx: &Ctx<'js>) -> JsResult<Value<'js>> {
        match self.0 {
            Ok(value) => value.into_js(ctx),
            Err(Failure { errno, detail }) => {
                let thrown = Object::new(ctx.clone())?;
                thrown.set("errno", errno)?;
                thrown.set("detail", detail)?;
                Err(ctx.throw(thrown.into_value()))
            }
        }
    }
}

/// A string as UTF-8; half a surrogate pair becomes U+FFFD, as everywhere.
pub struct Text(pub String);

impl<'js> FromJs<'js> for Text {
    fn from_js(ctx: &Ctx<'js>, value: Value<'js>) -> JsResult<Self> {
        let string = JsString::from_value(value)?;
        match string.to_string() {
            Err(Error::Utf8(_)) => {
                let prototype: Object = ctx.globals().get::<_, Object>("String")?.get("prototype")?;
                let to_well_formed: Function = prototype.get("toWellFormed")?;
                to_well_formed.call::<_, String>((This(string),)).map(Text)
            }
            result => result.map(Text),
        }
    }
}

/// An unsigned number whole: rquickjs makes those from 2^31 on negative.
pub fn whole(number: u32) -> f64 {
    number.into()
}

/// Bytes for JavaScript, which owns them from then on: an ArrayBuffer.
pub struct Bytes(pub Vec<u8>);

impl<'js> IntoJs<'js> for Bytes {
    fn into_js(self, ctx: &Ctx<'js>) -> JsResult<Value<'js>> {
        ArrayBuffer::new(ctx.clone(), self.0).map(ArrayBuffer::into_value)
    }
}

/// Copies what a Uint8Array views.
pub fn copy_of(array: &TypedArray<u8>) -> Vec<u8> {
    // SAFETY: no JavaScript runs while the slice lives, it is copied at once
    unsafe { array.as_bytes() }.unwrap_or_default().to_vec()
}
