//! GPU time of launches: pairs of timestamp queries.

use super::{call::Call, device::Device};
use crate::error::Result;
use ash::vk;
use std::{
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

/// Pairs of queries in one pool.
const PAIRS: u32 = 256;

/// Gives out query pairs and takes them back.
pub(crate) struct Timers {
    device: Arc<Device>,
    inner: Mutex<Inner>,
}

#[derive(Default)]
struct Inner {
    pools: Vec<vk::QueryPool>,
    free: Vec<(vk::QueryPool, u32)>,
}

/// One launch's pair; goes back when launch and handles are gone.
pub(crate) struct Timer {
    timers: Arc<Timers>,
    pub pool: vk::QueryPool,
    /// The first query of the two.
    pub first: u32,
}

impl Timers {
    pub fn new(device: &Arc<Device>) -> Arc<Self> {
        Arc::new(Timers { device: device.clone(), inner: Mutex::default() })
    }

    /// A pair, or none where the queue has no timestamps.
    pub fn take(self: &Arc<Self>) -> Result<Option<Arc<Timer>>> {
        if self.device.info.tick_ns.is_none() {
            return Ok(None);
        }
        let mut inner = self.inner.lock().unwrap_or_else(PoisonError::into_inner);
        if inner.free.is_empty() {
            let info = vk::QueryPoolCreateInfo::default().query_type(vk::QueryType::TIMESTAMP).query_count(2 * PAIRS);
            // SAFETY: a plain pool; the queue has timestamps.
            let pool = self
                .device
                .calls
                .run(Call::CreateQueryPool, || unsafe { self.device.raw.create_query_pool(&info, None) })?;
            inner.pools.push(pool);
            inner.free.extend((0..PAIRS).map(|i| (pool, 2 * i)));
        }
        let taken = inner.free.pop();
        Ok(taken.map(|(pool, first)| Arc::new(Timer { timers: self.clone(), pool, first })))
    }
}

impl Timer {
    /// When the launch began and when it ended, in ticks of the device. Only after it has ended.
    pub fn stamps(&self) -> Result<[u64; 2]> {
        let device = &self.timers.device;
        let mut stamps = [0u64; 2];
        // SAFETY: the pool belongs to this device; both queries were written by a launch that has ended.
        device.calls.run(Call::GetQueryPoolResults, || unsafe {
            device.raw.get_query_pool_results(self.pool, self.first, &mut stamps, vk::QueryResultFlags::TYPE_64)
        })?;
        Ok(stamps)
    }

    /// The time between the two stamps. Only after the launch has ended.
    pub fn elapsed(&self) -> Result<Duration> {
        let (info, [start, end]) = (&self.timers.device.info, self.stamps()?);
        let mask = if info.timestamp_bits >= 64 { u64::MAX } else { (1 << info.timestamp_bits) - 1 };
        let ticks = end.wrapping_sub(start) & mask;
        Ok(Duration::from_nanos((ticks as f64 * info.tick_ns.unwrap_or(0.0)) as u64))
    }
}

impl Drop for Timer {
    fn drop(&mut self) {
        self.timers.inner.lock().unwrap_or_else(PoisonError::into_inner).free.push((self.pool, self.first));
    }
}

impl Drop for Timers {
    fn drop(&mut self) {
        for &pool in &self.inner.get_mut().unwrap_or_else(PoisonError::into_inner).pools {
            // SAFETY: every Timer holds an Arc of this, so no query is in use.
            unsafe { self.device.raw.destroy_query_pool(pool, None) };
        }
    }
}
