//! Lowers the modules of `corpus/` in every form and looks at what comes out.

mod alignments;
mod corpus;
mod facts;
mod forms;
mod golden;
mod idioms;
mod instructions;
mod modules;
mod mutate;
mod mutations;
mod readable;
mod refused;
mod spirv_val;
