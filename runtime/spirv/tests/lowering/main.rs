//! Lowers the modules of `corpus/` in every form and looks at what comes out.

mod corpus;
mod forms;
mod modules;
mod mutate;
mod mutations;
mod refused;
mod spirv_val;
