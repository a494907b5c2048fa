"""JAX: eager, jit, and jit with donated buffers."""

from harness import *

if args.threads == 1:
    os.environ["XLA_FLAGS"] = os.environ.get("XLA_FLAGS", "") + " --xla_cpu_multi_thread_eigen=false"
import jax, jax.numpy as jnp, optax
from jax import lax

wait = jax.block_until_ready
D = Arrays()
T = lambda name: jnp.asarray(D[name])
adam = lambda: optax.adam(ADAM["rate"], ADAM["beta_1"], ADAM["beta_2"], ADAM["epsilon"])


def w1():
    a, b, m = jnp.ones(16), jnp.ones(16), jnp.eye(8)

    def chain(v):
        y = v * b
        for _ in range(9):
            y = jnp.tanh(y * b)
        return y.sum()

    gradient = jax.grad(chain)
    yield case("add16", "eager", lambda: a + b, wait)
    yield case("matmul8", "eager", lambda: m @ m, wait)
    yield case("tape_per_op", "eager", lambda: gradient(a), wait, per=20)


def w2():
    x = jnp.ones(16)
    one = jax.jit(lambda x: x * 2 + 1)
    eight = jax.jit(lambda *xs: sum(xs[1:], xs[0]) * 2 + 1)
    yield case("call1", "jit", lambda: one(x), wait)
    yield case("call8", "jit", lambda: eight(x, x, x, x, x, x, x, x), wait)


def mlp(p, x):
    for w, b in zip(p[:-2:2], p[1:-2:2]):
        x = jax.nn.relu(x @ w + b)
    return x @ p[-2] + p[-1]


def cross_entropy(logits, y):
    return optax.softmax_cross_entropy_with_integer_labels(logits, y).mean()


def training(loss_of, optimizer):
    def step(p, state, x, y):
        loss, g = jax.value_and_grad(lambda p: cross_entropy(loss_of(p, x), y))(p)
        updates, state = optimizer.update(g, state, p)
        return optax.apply_updates(p, updates), state, loss

    return step


def w3():
    batches = {n: (jnp.asarray(normal(n, 784)), jnp.zeros(n, jnp.int32)) for n in (64, 48)}
    jax.jit(lambda x: x + 1)(batches[64][0])

    def make():
        jax.clear_caches()
        sizes = ((784, 256), (256, 256), (256, 10))
        p = [jnp.asarray(v) for a, b in sizes for v in (normal(a, b) * a**-0.5, np.zeros(b, np.float32))]
        state = adam().init(p)
        step = jax.jit(training(mlp, adam()))
        wait((p, state))
        return lambda n: wait(step(p, state, *batches[n]))

    for variant, f in first_calls(make):
        yield case(variant, "jit", f, once=True)


def chain(x):
    return 0.5 * x * (1 + jnp.tanh(0.7978845608 * (x + 0.044715 * x * x * x))) * jax.nn.sigmoid(x) + x * x


def layer_norm(x, gamma, beta):
    mean = x.mean(-1, keepdims=True)
    variance = ((x - mean) ** 2).mean(-1, keepdims=True)
    return (x - mean) * lax.rsqrt(variance + 1e-5) * gamma + beta


def of(variant, mode, f, x):
    return case(variant, mode, lambda: f(x), wait)


def w4():
    for variant, size in (("chain_16M", 16 << 20), ("chain_64k", 1 << 16)):
        x = jnp.asarray(normal(size))
        yield of(variant, "eager", chain, x)
        yield of(variant, "jit", jax.jit(chain), x)

        def donated(f=jax.jit(lambda x: chain(x) * 0.1, donate_argnums=0), place=[x + 0.0]):
            place[0] = f(place[0])
            return place[0]

        yield case(variant, "jit, donated", donated, wait)
    x, gamma, beta = jnp.asarray(normal(4096, 1024)), jnp.ones(1024), jnp.zeros(1024)
    square = jnp.asarray(normal(4096, 4096))
    yield of("softmax", "jit", jax.jit(jax.nn.softmax), x)
    yield of("layer_norm", "jit", jax.jit(lambda x: layer_norm(x, gamma, beta)), x)
    yield of("sum_axis0", "jit", jax.jit(lambda x: x.sum(0)), square)
    yield of("sum_axis1", "jit", jax.jit(lambda x: x.sum(1)), square)


def w5():
    jax.config.update("jax_enable_x64", True)
    for variant, a, b, ta, tb in products():
        a, b = jnp.asarray(a), jnp.asarray(b)
        f = jax.jit(lambda a, b, ta=ta, tb=tb: (a.T if ta else a) @ (b.T if tb else b))
        yield case(variant, "jit", lambda f=f, a=a, b=b: f(a, b), wait)


def train(variant, names, loss_of, x, y, modes=("eager", "jit", "jit, donated")):
    x, y = T(x), T(y)
    for mode in modes:
        p = [T(name) + 0.0 for name in names]
        place = [p, adam().init(p)]
        step = training(loss_of, adam())
        if mode != "eager":
            step = jax.jit(step, donate_argnums=(0, 1) if "donated" in mode else ())

        def call(place=place, step=step):
            place[0], place[1], loss = step(place[0], place[1], x, y)
            return loss

        losses = [float(call()) for _ in range(5)]
        yield case(variant, mode, call, lambda _, place=place: wait(place), loss=losses[4])


def w6():
    for batch in ("32", "512"):
        yield from train("batch" + batch, MLP, mlp, "w6.x" + batch, "w6.y" + batch)


def convolution(x, w, padding="VALID"):
    return lax.conv_general_dilated(x, w, (1, 1), padding, dimension_numbers=("NHWC", "HWIO", "NHWC"))


def cnn(p, x):
    x = jax.nn.relu(convolution(x, p[0]) + p[1])
    x = jax.nn.relu(convolution(x, p[2]) + p[3])
    x = lax.reduce_window(x, -jnp.inf, lax.max, (1, 2, 2, 1), (1, 2, 2, 1), "VALID").reshape(x.shape[0], -1)
    return jax.nn.relu(x @ p[4] + p[5]) @ p[6] + p[7]


def w7():
    yield from train("train", CNN, cnn, "w7.x", "w7.y", ("jit", "jit, donated"))
    p, x = [T(name) for name in CNN], T("w7.x")
    yield of("infer", "jit", jax.jit(lambda x: cnn(p, x)), x)
    x, w, dy = T("w7.cx"), T("w7.cw"), jnp.ones((8, 56, 56, 64))
    same = lambda x, w: convolution(x, w, "SAME")
    for variant, f in (
        ("conv_y", lambda x, w, dy: same(x, w)),
        ("conv_dx", lambda x, w, dy: jax.vjp(lambda x: same(x, w), x)[1](dy)),
        ("conv_dw", lambda x, w, dy: jax.vjp(lambda w: same(x, w), w)[1](dy)),
        ("conv_y_dx_dw", lambda x, w, dy: (same(x, w), jax.vjp(same, x, w)[1](dy))),
    ):
        yield case(variant, "jit", lambda f=jax.jit(f): f(x, w, dy), wait)


def generator(g, z):
    z = jax.nn.elu(z @ g[0] + g[1])
    return jax.nn.elu(z @ g[2] + g[3]) @ g[4] + g[5]


def discriminator(d, x):
    return jax.nn.elu(x @ d[0] + d[1]) @ d[2] + d[3]


def bce(logits, label):
    return optax.sigmoid_binary_cross_entropy(logits, jnp.full_like(logits, label)).mean()


def gan(mode):
    """A pair of steps, and what it changes."""
    real, z, optimizer = T("w8.real"), T("w8.z"), adam()

    def d_step(d, state, g):
        loss = lambda d: bce(discriminator(d, real), 1.0) + bce(discriminator(d, generator(g, z)), 0.0)
        updates, state = optimizer.update(jax.grad(loss)(d), state)
        return optax.apply_updates(d, updates), state

    def g_step(g, state, d):
        loss, gradients = jax.value_and_grad(lambda g: bce(discriminator(d, generator(g, z)), 1.0))(g)
        updates, state = optimizer.update(gradients, state)
        return optax.apply_updates(g, updates), state, loss

    def both(d, d_state, g, g_state):
        d, d_state = d_step(d, d_state, g)
        g, g_state, loss = g_step(g, g_state, d)
        return d, d_state, g, g_state, loss

    d, g = [T(name) + 0.0 for name in DISCRIMINATOR], [T(name) + 0.0 for name in GENERATOR]
    place = [d, optimizer.init(d), g, optimizer.init(g)]
    if mode == "one jit, donated":
        both = jax.jit(both, donate_argnums=(0, 1, 2, 3))
    elif mode == "two jits, donated":
        d_step, g_step = jax.jit(d_step, donate_argnums=(0, 1)), jax.jit(g_step, donate_argnums=(0, 1))

    def pair():
        *place[:], loss = both(*place)
        return loss

    return pair, place


def w8():
    for mode in ("eager", "two jits, donated", "one jit, donated"):
        pair, place = gan(mode)
        losses = [float(pair()) for _ in range(5)]
        yield case("pair", mode, pair, lambda _, place=place: wait(place), loss=losses[4])


def w13():
    pair, _ = gan("one jit, donated")
    for _ in range(100):
        loss = pair()
    return "one jit, donated", float(loss)


def block(p, x):
    wq, bq, wk, bk, wv, bv, wo, bo, f1, fb1, f2, fb2, g1, b1, g2, b2 = p
    heads = lambda t: t.reshape(8, 128, 8, 32).transpose(0, 2, 1, 3)
    h = layer_norm(x, g1, b1).reshape(-1, 256)
    q, k, v = heads(h @ wq + bq), heads(h @ wk + bk), heads(h @ wv + bv)
    a = jax.nn.softmax(q @ k.swapaxes(-1, -2) * 32**-0.5)
    x = x.reshape(-1, 256) + (a @ v).transpose(0, 2, 1, 3).reshape(-1, 256) @ wo + bo
    h = jax.nn.gelu(layer_norm(x, g2, b2) @ f1 + fb1, approximate=True)
    return x + h @ f2 + fb2


def with_gradients(variant, mode, loss, p, x):
    f = jax.jit(jax.value_and_grad(lambda p, x: jnp.mean(loss(p, x) ** 2)))
    return case(variant, mode, lambda: f(p, x), wait, loss=float(f(p, x)[0]))


def w9():
    yield with_gradients("block", "jit", block, [T(name) for name in BLOCK], T("w9.x"))


def w10():
    def lstm(p, x):
        wx, wh, b = p

        def step(state, x):
            h, c = state
            i, f, g, o = jnp.split(x + h @ wh, 4, 1)
            c = jax.nn.sigmoid(f) * c + jax.nn.sigmoid(i) * jnp.tanh(g)
            h = jax.nn.sigmoid(o) * jnp.tanh(c)
            return (h, c), h

        zero = jnp.zeros((32, 128))
        return lax.scan(step, (zero, zero), (x.reshape(-1, 128) @ wx + b).reshape(64, 32, 512))[1]

    def rnn(p, x):
        wx, wh, b = p

        def step(h, x):
            h = jnp.tanh(x + h @ wh)
            return h, h

        return lax.scan(step, jnp.zeros((32, 128)), (x.reshape(-1, 128) @ wx + b).reshape(64, 32, 128))[1]

    yield with_gradients("lstm", "scan", lstm, [T(name) for name in LSTM], T("w10.x"))
    yield with_gradients("rnn", "scan", rnn, [T(name) for name in RNN], T("w10.x"))


serve(globals(), w13, jax.__version__)
