/** node --import hooks.mjs: modules are instrumented as they are loaded. */
import { register } from 'node:module';

register('./instrument.mjs', import.meta.url);
