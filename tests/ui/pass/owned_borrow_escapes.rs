// A launch that outlives the call owns all of its buffers.
use vksvm::*;

#[derive(KernelArgs)]
struct Copy2<'a> {
    src: In<'a, f32>,
    dst: Out<'a, f32>,
}

fn f(k: &Kernel<Copy2<'static>>, x: SvmVec<f32>, y: SvmVec<f32>) {
    let _ = k.launch_owned(1u32, (x, y), |s, (x, y)| Copy2 { src: s.read(x), dst: s.write(y) });
}

fn main() {}
