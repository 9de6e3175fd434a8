import { archives } from './archives.ts';
import { decoders } from './decoders.ts';
import { fuzz } from './run-target.ts';

fuzz('fuzz/decoders', [...decoders, ...archives]);
