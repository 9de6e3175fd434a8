// What tsconfig.core.json has in place of Node's types: all that the core may use besides JavaScript itself, as it is
// on the native host.
type BufferConstructor = import('./buffer.ts').NativeBufferConstructor;

type Buffer = ReturnType<BufferConstructor['alloc']>;
declare var Buffer: BufferConstructor;
