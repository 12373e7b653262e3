use super::*;
use crate::{
    GpuStruct, Ptr,
    kernel::testdata::{Node, Pair, TYPES_GLSL, Tail},
};

#[test]
fn declarations_are_those_that_the_test_shaders_include() {
    let text = glsl_declarations(&[Node::LAYOUT, Pair::<f32>::LAYOUT, <[f32; 3]>::LAYOUT]).unwrap();
    if text != TYPES_GLSL {
        panic!("testdata/types.glsl should be:\n{text}");
    }
}

mod other {
    #[derive(Clone, Copy, crate::GpuStruct)]
    #[repr(C)]
    pub struct Tail {
        pub key: u32,
    }
    #[derive(Clone, Copy, crate::GpuStruct)]
    #[repr(C)]
    pub struct Holder {
        pub tail: Tail,
        pub far: crate::Ptr<super::Tail>,
    }
}

#[test]
fn two_types_of_one_name_are_refused() {
    assert!(glsl_declarations(&[Tail::LAYOUT, Tail::LAYOUT]).is_ok());
    for types in [&[Tail::LAYOUT, other::Tail::LAYOUT][..], &[other::Holder::LAYOUT]] {
        let e = glsl_declarations(types).unwrap_err();
        assert_eq!(e, Error::GlslName { name: "Tail".into() });
    }
}

#[test]
fn numbers_ask_for_their_part_of_the_prelude() {
    let asks = |t: TypeLayout| {
        let text = glsl_declarations(&[t]).unwrap();
        NEEDS.map(|n| text.contains(&format!("#define {n}\n")))
    };
    assert_eq!(asks(f32::LAYOUT), [false; 4]);
    assert_eq!(asks(u8::LAYOUT), [true, false, false, false]);
    assert_eq!(asks(<[i16; 2]>::LAYOUT), [false, true, false, false]);
    assert_eq!(asks(Ptr::<i64>::LAYOUT), [false, false, true, false]);
    assert_eq!(asks(Pair::<f32>::LAYOUT), [false, false, false, true]);
}

#[test]
fn names_that_glsl_reserves_change() {
    for (rust, glsl) in [("in", "in_"), ("a__b", "a_u_b"), ("gl_x", "glx_"), ("vec3", "vec3_"), ("vector", "vector")] {
        assert_eq!(field_name(rust), glsl);
    }
}

#[test]
fn padding_is_made_of_aligned_numbers() {
    let pads = |from, to| {
        let (mut body, mut w) = (String::new(), Writer::default());
        w.pad(&mut body, from, to, &mut 0);
        (body.trim().to_string(), [w.needs[0], w.needs[1]])
    };
    assert_eq!(pads(4, 4), (String::new(), [false, false]));
    assert_eq!(pads(1, 8), ("uint8_t pad0_[7];".into(), [true, false]));
    assert_eq!(pads(2, 4), ("uint16_t pad0_;".into(), [false, true]));
    assert_eq!(pads(4, 16), ("uint pad0_[3];".into(), [false, false]));
    assert_eq!(pads(4, 7), ("uint8_t pad0_[3];".into(), [true, false]));
}
