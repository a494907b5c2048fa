"""TensorFlow: eager, tf.function and XLA, with Keras' Adam and with the fused op beneath the older one."""

from harness import *
import tensorflow as tf

tf.config.threading.set_intra_op_parallelism_threads(args.threads)
tf.config.threading.set_inter_op_parallelism_threads(args.threads)
D = Arrays()
T = lambda name: tf.constant(D[name])
variables = lambda names: [tf.Variable(D[name]) for name in names]
wait = lambda result: tf.nest.flatten(result)[-1].numpy()
xla = lambda f: tf.function(f, jit_compile=True)
plain = lambda f: f


class FusedAdam:
    """ResourceApplyAdam, the fastest way to train with TensorFlow on a CPU."""

    def __init__(self, variables):
        zeros = lambda: [tf.Variable(tf.zeros_like(v)) for v in variables]
        self.means, self.squares = zeros(), zeros()
        self.powers = [tf.Variable(ADAM["beta_1"]), tf.Variable(ADAM["beta_2"])]

    def apply_gradients(self, pairs):
        for (gradient, v), mean, square in zip(pairs, self.means, self.squares):
            tf.raw_ops.ResourceApplyAdam(
                var=v.handle,
                m=mean.handle,
                v=square.handle,
                beta1_power=self.powers[0].read_value(),
                beta2_power=self.powers[1].read_value(),
                lr=ADAM["rate"],
                beta1=ADAM["beta_1"],
                beta2=ADAM["beta_2"],
                epsilon=ADAM["epsilon"],
                grad=gradient,
            )
        self.powers[0].assign(self.powers[0] * ADAM["beta_1"])
        self.powers[1].assign(self.powers[1] * ADAM["beta_2"])


def keras_adam(variables):
    optimizer = tf.keras.optimizers.Adam(ADAM["rate"], ADAM["beta_1"], ADAM["beta_2"], ADAM["epsilon"])
    optimizer.build(variables)
    return optimizer


TRAINING = (
    ("eager", plain, keras_adam),
    ("function", tf.function, keras_adam),
    ("function, fused Adam", tf.function, FusedAdam),
    ("XLA", xla, keras_adam),
)
CALLING = (("eager", plain), ("function", tf.function), ("XLA", xla))


def w1():
    a, b, m, v = tf.ones(16), tf.ones(16), tf.eye(8), tf.Variable(tf.ones(16))

    def chain():
        with tf.GradientTape() as tape:
            y = v * b
            for _ in range(9):
                y = tf.tanh(y * b)
            y = tf.reduce_sum(y)
        return tape.gradient(y, v)

    yield case("add16", "eager", lambda: a + b)
    yield case("matmul8", "eager", lambda: tf.matmul(m, m))
    yield case("tape_per_op", "eager", chain, per=20)


def w2():
    x = tf.ones(16)
    for mode, wrap in CALLING[1:]:
        one = wrap(lambda x: x * 2 + 1)
        eight = wrap(lambda a, b, c, d, e, f, g, h: (a + b + c + d + e + f + g + h) * 2 + 1)
        yield case("call1", mode, lambda f=one: f(x))
        yield case("call8", mode, lambda f=eight: f(x, x, x, x, x, x, x, x))


def mlp(p, x):
    for w, b in zip(p[:-2:2], p[1:-2:2]):
        x = tf.nn.relu(tf.matmul(x, w) + b)
    return tf.matmul(x, p[-2]) + p[-1]


def training(p, optimizer, f):
    def step(x, y):
        with tf.GradientTape() as tape:
            loss = tf.nn.sparse_softmax_cross_entropy_with_logits(labels=y, logits=f(p, x))
            loss = tf.reduce_mean(loss)
        optimizer.apply_gradients(zip(tape.gradient(loss, p), p))
        return loss

    return step


def w3():
    batches = {n: (tf.constant(normal(n, 784)), tf.zeros(n, tf.int32)) for n in (64, 48)}
    for mode, wrap, optimizer in TRAINING[1:]:
        wrap(lambda x: x + 1)(batches[64][0])

        def make(wrap=wrap, optimizer=optimizer):
            sizes = ((784, 256), (256, 256), (256, 10))
            p = [tf.Variable(v) for a, b in sizes for v in (normal(a, b) * a**-0.5, np.zeros(b, np.float32))]
            step = wrap(training(p, optimizer(p), mlp))
            return lambda n: step(*batches[n]).numpy()

        for variant, f in first_calls(make):
            yield case(variant, mode, f, once=True)


def chain(x):
    return 0.5 * x * (1 + tf.tanh(0.7978845608 * (x + 0.044715 * x * x * x))) * tf.sigmoid(x) + x * x


def layer_norm(x, gamma, beta):
    mean, variance = tf.nn.moments(x, -1, keepdims=True)
    return (x - mean) * tf.math.rsqrt(variance + 1e-5) * gamma + beta


def w4():
    x, gamma, beta = tf.constant(normal(4096, 1024)), tf.ones(1024), tf.zeros(1024)
    square = tf.constant(normal(4096, 4096))
    for variant, f, x in (
        ("chain_16M", chain, tf.constant(normal(16 << 20))),
        ("chain_64k", chain, tf.constant(normal(1 << 16))),
        ("softmax", tf.nn.softmax, x),
        ("layer_norm", lambda x: layer_norm(x, gamma, beta), x),
        ("sum_axis0", lambda x: tf.reduce_sum(x, 0), square),
        ("sum_axis1", lambda x: tf.reduce_sum(x, 1), square),
    ):
        for mode, wrap in CALLING:
            yield case(variant, mode, lambda x=x, f=wrap(f): f(x), wait)


def w5():
    for variant, a, b, ta, tb in products():
        a, b = tf.constant(a), tf.constant(b)
        for mode, wrap in CALLING[::2]:
            f = wrap(lambda a, b, ta=ta, tb=tb: tf.matmul(a, b, transpose_a=ta, transpose_b=tb))
            yield case(variant, mode, lambda f=f, a=a, b=b: f(a, b), wait)


def train(variant, names, f, x, y, modes=TRAINING):
    x, y = T(x), T(y)
    for mode, wrap, optimizer in modes:
        p = variables(names)
        step = wrap(training(p, optimizer(p), f))
        losses = [float(step(x, y)) for _ in range(5)]
        yield case(variant, mode, lambda step=step: step(x, y), wait, loss=losses[4])


def w6():
    for batch in ("32", "512"):
        yield from train("batch" + batch, MLP, mlp, "w6.x" + batch, "w6.y" + batch)


def cnn(p, x):
    x = tf.nn.relu(tf.nn.conv2d(x, p[0], 1, "VALID") + p[1])
    x = tf.nn.relu(tf.nn.conv2d(x, p[2], 1, "VALID") + p[3])
    x = tf.reshape(tf.nn.max_pool2d(x, 2, 2, "VALID"), [x.shape[0], -1])
    return tf.matmul(tf.nn.relu(tf.matmul(x, p[4]) + p[5]), p[6]) + p[7]


def w7():
    yield from train("train", CNN, cnn, "w7.x", "w7.y")
    p, x = [T(name) for name in CNN], T("w7.x")
    for mode, wrap in CALLING:
        yield case("infer", mode, lambda f=wrap(lambda x: cnn(p, x)): f(x), wait)
    cx, w, dy = T("w7.cx"), T("w7.cw"), tf.ones([8, 56, 56, 64])
    shapes = dict(strides=[1, 1, 1, 1], padding="SAME")
    y = lambda x, w, dy: tf.nn.conv2d(x, w, 1, "SAME")
    dx = lambda x, w, dy: tf.raw_ops.Conv2DBackpropInput(
        input_sizes=x.shape, filter=w, out_backprop=dy, **shapes
    )
    dw = lambda x, w, dy: tf.raw_ops.Conv2DBackpropFilter(
        input=x, filter_sizes=w.shape, out_backprop=dy, **shapes
    )
    everything = lambda x, w, dy: (y(x, w, dy), dx(x, w, dy), dw(x, w, dy))
    for variant, f in (("conv_y", y), ("conv_dx", dx), ("conv_dw", dw), ("conv_y_dx_dw", everything)):
        for mode, wrap in CALLING:
            yield case(variant, mode, lambda f=wrap(f): f(cx, w, dy), wait)


def generator(g, z):
    z = tf.nn.elu(tf.matmul(z, g[0]) + g[1])
    return tf.matmul(tf.nn.elu(tf.matmul(z, g[2]) + g[3]), g[4]) + g[5]


def discriminator(d, x):
    return tf.matmul(tf.nn.elu(tf.matmul(x, d[0]) + d[1]), d[2]) + d[3]


def bce(logits, label):
    labels = tf.fill(tf.shape(logits), label)
    return tf.reduce_mean(tf.nn.sigmoid_cross_entropy_with_logits(logits=logits, labels=labels))


def gan(wrap, optimizer):
    real, z, g, d = T("w8.real"), T("w8.z"), variables(GENERATOR), variables(DISCRIMINATOR)
    g_adam, d_adam = optimizer(g), optimizer(d)

    def d_step():
        with tf.GradientTape() as tape:
            loss = bce(discriminator(d, real), 1.0) + bce(discriminator(d, generator(g, z)), 0.0)
        d_adam.apply_gradients(zip(tape.gradient(loss, d), d))

    def g_step():
        with tf.GradientTape() as tape:
            loss = bce(discriminator(d, generator(g, z)), 1.0)
        g_adam.apply_gradients(zip(tape.gradient(loss, g), g))
        return loss

    d_step, g_step = wrap(d_step), wrap(g_step)

    def pair():
        d_step()
        return g_step()

    return pair


def w8():
    for mode, wrap, optimizer in TRAINING:
        pair = gan(wrap, optimizer)
        losses = [float(pair()) for _ in range(5)]
        yield case("pair", mode, pair, wait, loss=losses[4])


def w13():
    mode, wrap, optimizer = TRAINING[2]
    pair = gan(wrap, optimizer)
    for _ in range(100):
        loss = pair()
    return mode, float(loss)


def block(p, x):
    wq, bq, wk, bk, wv, bv, wo, bo, f1, fb1, f2, fb2, g1, b1, g2, b2 = p
    heads = lambda t: tf.transpose(tf.reshape(t, [8, 128, 8, 32]), [0, 2, 1, 3])
    h = tf.reshape(layer_norm(x, g1, b1), [-1, 256])
    q, k, v = (heads(tf.matmul(h, w) + b) for w, b in ((wq, bq), (wk, bk), (wv, bv)))
    a = tf.nn.softmax(tf.matmul(q, k, transpose_b=True) * 32**-0.5)
    o = tf.reshape(tf.transpose(tf.matmul(a, v), [0, 2, 1, 3]), [-1, 256])
    x = tf.reshape(x, [-1, 256]) + tf.matmul(o, wo) + bo
    h = tf.nn.gelu(tf.matmul(layer_norm(x, g2, b2), f1) + fb1, approximate=True)
    return x + tf.matmul(h, f2) + fb2


def with_gradients(variant, mode, wrap, f, p, x):
    def step(x):
        with tf.GradientTape() as tape:
            loss = tf.reduce_mean(tf.square(f(p, x)))
        return [loss] + tape.gradient(loss, p)

    step = wrap(step)
    return case(variant, mode, lambda: step(x), wait, loss=float(step(x)[0]))


def w9():
    p, x = variables(BLOCK), T("w9.x")
    for mode, wrap in CALLING:
        yield with_gradients("block", mode, wrap, block, p, x)


def w10():
    def gates(h, c, x, wh):
        i, f, g, o = tf.split(x + tf.matmul(h, wh), 4, 1)
        c = tf.sigmoid(f) * c + tf.sigmoid(i) * tf.tanh(g)
        return tf.sigmoid(o) * tf.tanh(c), c

    def inputs(x, w, b, size):
        return tf.reshape(tf.matmul(tf.reshape(x, [-1, 128]), w) + b, [64, 32, size])

    array = lambda: tf.TensorArray(tf.float32, 64, element_shape=[32, 128])
    zero = lambda: tf.zeros([32, 128])

    def loop(body, state):
        steps = dict(maximum_iterations=64)
        return tf.while_loop(lambda i, *_: i < 64, body, (0, *state, array()), **steps)[-1].stack()

    def lstm(p, x):
        rows = inputs(x, p[0], p[2], 512)

        def body(i, h, c, hs):
            h, c = gates(h, c, rows[i], p[1])
            return i + 1, h, c, hs.write(i, h)

        return loop(body, (zero(), zero()))

    def unrolled(p, x):
        h, c, hs = zero(), zero(), []
        for row in tf.unstack(inputs(x, p[0], p[2], 512)):
            h, c = gates(h, c, row, p[1])
            hs.append(h)
        return tf.stack(hs)

    def rnn(p, x):
        rows = inputs(x, p[0], p[2], 128)

        def body(i, h, hs):
            h = tf.tanh(rows[i] + tf.matmul(h, p[1]))
            return i + 1, h, hs.write(i, h)

        return loop(body, (zero(),))

    x, p, r = T("w10.x"), variables(LSTM), variables(RNN)
    yield with_gradients("lstm", "while, function", tf.function, lstm, p, x)
    yield with_gradients("lstm", "while, XLA", xla, lstm, p, x)
    yield with_gradients("lstm", "unrolled, function", tf.function, unrolled, p, x)
    yield with_gradients("rnn", "while, function", tf.function, rnn, r, x)
    yield with_gradients("rnn", "while, XLA", xla, rnn, r, x)
    layer, batches = tf.keras.layers.LSTM(128, return_sequences=True), tf.transpose(x, [1, 0, 2])
    layer.build(batches.shape)
    layer.set_weights([D[name] for name in LSTM])
    keras = lambda _, x: layer(x)
    yield with_gradients("lstm", "keras, function", tf.function, keras, layer.trainable_variables, batches)


serve(globals(), w13, tf.__version__)
