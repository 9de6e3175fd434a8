//! Values on their way between JavaScript and Rust.
use std::ffi::OsString;
use std::io;
use std::os::unix::ffi::OsStringExt;
use std::path::Path;

use rquickjs::function::This;
use rquickjs::{
    ArrayBuffer, Ctx, Error, FromJs, Function, IntoJs, Object, Result as JsResult, String as JsString, TypedArray,
    Value,
};

/// The failure of a system call.
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

impl<'js> IntoJs<'js> for Failure {
    fn into_js(self, ctx: &Ctx<'js>) -> JsResult<Value<'js>> {
        let failure = Object::new(ctx.clone())?;
        failure.set("errno", self.errno)?;
        failure.set("detail", self.detail)?;
        Ok(failure.into_value())
    }
}

pub type Outcome<T> = Result<T, Failure>;

/// What a host function returns: a value, or the exception `{ errno, detail }`.
pub struct Answer<T>(pub Outcome<T>);

impl<'js, T: IntoJs<'js>> IntoJs<'js> for Answer<T> {
    fn into_js(self, ctx: &Ctx<'js>) -> JsResult<Value<'js>> {
        match self.0 {
            Ok(value) => value.into_js(ctx),
            Err(failure) => Err(ctx.throw(failure.into_js(ctx)?)),
        }
    }
}

/// As `Answer`, with the failure returned: whatever is thrown, the engine writes a stack trace for it.
pub struct Told<T>(pub Outcome<T>);

impl<'js, T: IntoJs<'js>> IntoJs<'js> for Told<T> {
    fn into_js(self, ctx: &Ctx<'js>) -> JsResult<Value<'js>> {
        match self.0 {
            Ok(value) => value.into_js(ctx),
            Err(failure) => failure.into_js(ctx),
        }
    }
}

/// A string as UTF-8. Half a surrogate pair becomes U+FFFD.
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

/// A name of the kernel's, which is bytes: for JavaScript a string if it is UTF-8, else an ArrayBuffer. In names that
/// come from JavaScript, U+DC80 to U+DCFF stand for bytes that are no UTF-8 (src/lib/byte-text.ts).
pub struct Name(pub OsString);

impl Name {
    pub fn path(&self) -> &Path {
        Path::new(&self.0)
    }
}

impl<'js> FromJs<'js> for Name {
    fn from_js(_ctx: &Ctx<'js>, value: Value<'js>) -> JsResult<Self> {
        let string = JsString::from_value(value)?;
        match string.to_string() {
            Err(Error::Utf8(_)) => {
                let text = string.to_cstring()?;
                // SAFETY: so many bytes, which live as long as `text`
                let wtf8 = unsafe { std::slice::from_raw_parts(text.as_ptr().cast(), text.len()) };
                Ok(Self(OsString::from_vec(without_escapes(wtf8))))
            }
            result => result.map(|text| Self(text.into())),
        }
    }
}

impl<'js> IntoJs<'js> for Name {
    fn into_js(self, ctx: &Ctx<'js>) -> JsResult<Value<'js>> {
        match self.0.into_string() {
            Ok(text) => text.into_js(ctx),
            Err(name) => Bytes(name.into_vec()).into_js(ctx),
        }
    }
}

/// QuickJS writes half a surrogate pair as if it were a character: U+DC80 as ED B2 80.
fn without_escapes(mut wtf8: &[u8]) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(wtf8.len());
    while let [first, rest @ ..] = wtf8 {
        if let [0xed, high @ (0xb2 | 0xb3), low, after @ ..] = wtf8 {
            bytes.push(((high & 0x03) << 6) | (low & 0x3f));
            wtf8 = after;
        } else {
            bytes.push(*first);
            wtf8 = rest;
        }
    }
    bytes
}

/// An unsigned number, which rquickjs would make negative from 2^31 on.
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

/// The kernel's answer to one of several requests: bytes, or the errno.
pub struct Reply(pub Result<Vec<u8>, i32>);

impl<'js> IntoJs<'js> for Reply {
    fn into_js(self, ctx: &Ctx<'js>) -> JsResult<Value<'js>> {
        match self.0 {
            Ok(bytes) => Bytes(bytes).into_js(ctx),
            Err(errno) => errno.into_js(ctx),
        }
    }
}

/// Copies what a Uint8Array views.
pub fn copy_of(array: &TypedArray<u8>) -> Vec<u8> {
    // SAFETY: no JavaScript runs while the slice lives, it is copied at once
    unsafe { array.as_bytes() }.unwrap_or_default().to_vec()
}
