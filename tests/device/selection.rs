//! Finding a device, and saying clearly why there is none.

use crate::{
    child::{play, said},
    harness::{device, tests},
    variants::{refused_saying, saw},
};
use vksvm::{
    Backing, Placement, Svm, Translation,
    seam::{Call, Failures, VkResult},
};

tests![
    devices_are_found_by_index_and_by_name,
    a_device_that_is_not_there,
    no_driver,
    no_loader,
    no_validation_layer,
    missing_features_are_all_listed,
    placements_are_chosen,
    what_discrete_placement_refuses,
    the_system_refuses,
    an_error_of_another_kind_names_its_call,
    capabilities_say_what_and_why,
];

/// A part for a process of its own: opens, and says what came of it.
pub fn open_and_say() {
    if let Ok(bytes) = std::env::var("VKSVM_TEST_ADDRESS_SPACE") {
        let limit = rustix::process::Rlimit { current: bytes.parse().ok(), maximum: None };
        rustix::process::setrlimit(rustix::process::Resource::As, limit).expect("setrlimit");
    }
    match Svm::builder().heap_size(1 << 40).open() {
        Ok(svm) => {
            println!("opened '{}', translation {}", svm.capabilities().device, svm.capabilities().translation.name())
        }
        Err(error) => println!("{error:?}: {error}"),
    }
}

/// What a process with this environment says about opening.
fn opening(env: &[(&str, &str)]) -> String {
    let output = play("open", env);
    assert!(output.status.success(), "{}", said(&output));
    said(&output)
}

fn has(text: &str, parts: &[&str]) {
    for part in parts {
        assert!(text.contains(part), "'{text}' does not say '{part}'");
    }
}

fn devices_are_found_by_index_and_by_name() {
    let name = &device().as_ref().expect("a device").device;
    has(&opening(&[("VKSVM_DEVICE", &name.to_uppercase())]), &["opened", name]);
    let part = &name[..name.len() / 2];
    has(&opening(&[("VKSVM_DEVICE", part)]), &["opened"]);
    // An empty variable is none.
    has(&opening(&[("VKSVM_DEVICE", "")]), &["opened", name]);
    assert!(Svm::builder().device(part).open().is_ok());
    let listed = Svm::builder().device("no such device").open().expect_err("no device is called so").to_string();
    let (index, _) = listed.split_once(&format!(": '{name}'")).expect("the message lists the devices");
    let index = index.rsplit(|c: char| !c.is_ascii_digit()).next().expect("an index");
    has(&opening(&[("VKSVM_DEVICE", index)]), &["opened", name]);
}

fn a_device_that_is_not_there() {
    let name = &device().as_ref().expect("a device").device;
    has(&opening(&[("VKSVM_DEVICE", "radv-of-dreams")]), &["NoDevice", "'radv-of-dreams'", name]);
    has(&opening(&[("VKSVM_DEVICE", "99")]), &["NoDevice", "'99'", name]);
    let open = |wanted: &str| Svm::builder().device(wanted).open();
    refused_saying(open("radv-of-dreams"), "NoDevice", &["matches 'radv-of-dreams'", name]);
    refused_saying(open("99"), "NoDevice", &["matches '99'", name]);
}

fn no_driver() {
    let nowhere = [("VK_DRIVER_FILES", "/nonexistent.json"), ("VK_ICD_FILENAMES", "/nonexistent.json")];
    has(&opening(&nowhere), &["NoDevice", "no Vulkan device"]);
}

fn no_loader() {
    let directory = std::env::temp_dir().join(format!("vksvm-no-loader-{}", std::process::id()));
    std::fs::create_dir_all(&directory).expect("a temporary directory");
    for name in ["libvulkan.so.1", "libvulkan.so"] {
        std::fs::write(directory.join(name), "not a library").expect("a file in it");
    }
    let text = opening(&[("LD_LIBRARY_PATH", &directory.display().to_string())]);
    std::fs::remove_dir_all(&directory).expect("removing it");
    has(&text, &["NoVulkan", "libvulkan", "install"]);
    saw("NoVulkan");
}

fn no_validation_layer() {
    let env = [("VK_LAYER_PATH", "/nonexistent"), ("VKSVM_VALIDATION", "1")];
    has(&opening(&env), &["NoValidationLayer", "vulkan-validationlayers"]);
    saw("NoValidationLayer");
}

fn missing_features_are_all_listed() {
    let name = &device().as_ref().expect("a device").device;
    let failures = Failures::new();
    failures.lack("shaderInt64");
    failures.lack("bufferDeviceAddress");
    let result = Svm::builder().failures(&failures).open();
    refused_saying(result, "MissingFeatures", &[name, "feature shaderInt64", "feature bufferDeviceAddress"]);
    failures.lack("timelineSemaphore");
    failures.lack("scalarBlockLayout");
    let result = Svm::builder().failures(&failures).device(name).open();
    refused_saying(result, "MissingFeatures", &["feature timelineSemaphore", "feature scalarBlockLayout"]);
}

/// What was asked for is in force; by itself a device that shares the host's memory moves nothing, unless it cannot import it.
fn placements_are_chosen() {
    let placed = |placement| Svm::builder().placement(placement).open().expect("open").capabilities().clone();
    assert_eq!(placed(Placement::Unified).placement, Placement::Unified);
    let discrete = placed(Placement::Discrete);
    assert_eq!((discrete.placement, discrete.translation), (Placement::Discrete, Translation::Table));
    assert!(discrete.in_place && discrete.device_budget_bytes > 0 && discrete.faults != "none", "{discrete:?}");
    assert_eq!(placed(Placement::Auto).placement, Placement::Unified);

    let without_import = |placement| {
        let failures = Failures::new();
        failures.fail(Call::GetMemoryHostPointerProperties, 0, u64::MAX, VkResult::ERROR_INVALID_EXTERNAL_HANDLE);
        Svm::builder().placement(placement).failures(&failures).open()
    };
    let refused = without_import(Placement::Unified);
    refused_saying(refused, "PlacementUnavailable", &["unified", "INVALID_EXTERNAL_HANDLE"]);
    let moved = without_import(Placement::Auto).expect("pages can move all the same");
    assert_eq!((moved.capabilities().placement, moved.capabilities().in_place), (Placement::Discrete, false));
    assert!(moved.capabilities().reasons.iter().any(|reason| reason.contains("not in place")));
}

/// Options that do not go with pages that move.
fn what_discrete_placement_refuses() {
    let discrete = || Svm::builder().placement(Placement::Discrete);
    let offset = discrete().translation(Translation::Offset).open();
    refused_saying(offset, "TranslationUnavailable", &["offset", "table"]);
    refused_saying(discrete().backing(Backing::Anonymous).open(), "BadOption", &["backing", "memfd"]);
    refused_saying(discrete().device_budget((2 << 20) - 1).open(), "BadOption", &["device_budget", "2 MiB"]);
    refused_saying(discrete().device_budget(1 << 50).open(), "BadOption", &["device_budget", "of its own"]);
}

/// No address space for a heap.
fn the_system_refuses() {
    let text = opening(&[("VKSVM_TEST_ADDRESS_SPACE", &(64_u64 << 30).to_string())]);
    has(&text, &["Os", "mmap failed while reserving the heap's addresses", "memory"]);
    saw("Os");
}

fn an_error_of_another_kind_names_its_call() {
    let failures = Failures::new();
    failures.fail(Call::CreateDevice, 0, 1, VkResult::ERROR_INITIALIZATION_FAILED);
    let result = Svm::builder().failures(&failures).open();
    refused_saying(result, "Vulkan", &["vkCreateDevice", "INITIALIZATION_FAILED"]);
}

fn capabilities_say_what_and_why() {
    let c = device().as_ref().expect("a device");
    assert!(!c.reasons.is_empty() && !c.probes.is_empty());
    assert!(c.probes.iter().any(|probe| probe.works));
    assert!(c.reasons.iter().any(|reason| reason.contains("placement")));
    assert_eq!(c.page_bytes, vksvm::PAGE as u64);
    assert!(c.heap_bytes >= vksvm::BLOCK as u64 && c.segment_bytes.is_multiple_of(vksvm::BLOCK as u64));
    assert!(c.max_groups.iter().all(|n| *n >= 65535) && c.max_workgroup_invocations >= 128);
    assert!(c.max_argument_bytes >= 128);
}
