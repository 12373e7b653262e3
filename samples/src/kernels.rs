//! The kernels' SPIR-V, as checked in beside their GLSL in `shaders/kernels`.

macro_rules! kernels {
    ($($name:ident = $file:literal: $doc:literal)*) => { $(
        #[doc = $doc]
        pub const $name: &[u8] = include_bytes!(concat!("../../shaders/kernels/", $file, ".spv"));
    )* };
}

kernels! {
    SAXPY = "saxpy": "y += a x."
    REDUCE = "reduce": "Sum, minimum and maximum, a partial result for each workgroup."
    REDUCE_PARTIALS = "reduce_partials": "Joins what `REDUCE` left."
    HISTOGRAM = "histogram": "Counts byte values."
    MATMUL = "matmul": "Product of two matrices."
    LAPLACE = "laplace": "Laplacian of a grid, and a dot product on the way."
    CG_STEP = "cg_step": "Conjugate gradients: the step along the direction."
    CG_DIRECTION = "cg_direction": "Conjugate gradients: the next direction."
    FOLD = "fold": "Adds partial sums up."
    BLUR_ROWS = "blur_rows": "Brightness, blurred along the rows."
    BLUR_COLUMNS = "blur_columns": "Blur along the columns."
    SOBEL = "sobel": "Gradient of a plane, drawn in colour."
    WORDS = "words": "Counts words in a hash table."
    BFS = "bfs": "One level of breadth-first search."
    PAGERANK = "pagerank": "One step of PageRank for some nodes."
    HEAT = "heat": "One step of heat conduction on a strip of a plate."
    SPMV_ROWS = "spmv_rows": "Some rows of a sparse matrix-vector product, and their sum."
    KMEANS = "kmeans": "Labels of some points, and what the next centres need."
    KV_GET = "kv_get": "Looks keys up in a hash table."
    KV_PUT = "kv_put": "Stores pairs in a hash table."
}
