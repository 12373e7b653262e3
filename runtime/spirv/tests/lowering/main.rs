//! Lowers the modules of `corpus/` in every form and looks at what comes out.

mod corpus;
mod modules;
mod refused;
mod spirv_val;
