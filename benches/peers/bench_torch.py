"""PyTorch: eager and compiled, with the fused Adam; channels last where images are convolved."""

from harness import *

os.environ.setdefault("TORCHINDUCTOR_FORCE_DISABLE_CACHES", "1")
import torch, torch.nn.functional as F

torch.set_num_threads(args.threads)
torch.set_num_interop_threads(1)
D = Arrays()
T = lambda name: torch.from_numpy(D[name].copy())
variables = lambda names: [T(name).requires_grad_() for name in names]
compiled = lambda f: torch.compile(f, dynamic=False)


def adam(p, fused=True):
    betas = (ADAM["beta_1"], ADAM["beta_2"])
    return torch.optim.Adam(p, ADAM["rate"], betas, ADAM["epsilon"], fused=fused)


def w1():
    a, b, m = torch.ones(16), torch.ones(16), torch.eye(8)
    v = torch.ones(16, requires_grad=True)

    def chain():
        y = v * b
        for _ in range(9):
            y = torch.tanh(y * b)
        v.grad = None
        y.sum().backward()

    yield case("add16", "eager", lambda: a + b)
    yield case("matmul8", "eager", lambda: m @ m)
    yield case("tape_per_op", "eager", chain, per=20)


def w2():
    one = torch.compile(lambda x: x * 2 + 1)
    eight = torch.compile(lambda a, b, c, d, e, f, g, h: (a + b + c + d + e + f + g + h) * 2 + 1)
    x, xs = torch.ones(16), [torch.ones(16) for _ in range(8)]
    yield case("call1", "compile", lambda: one(x))
    yield case("call8", "compile", lambda: eight(*xs))


def mlp(p, x):
    for w, b in zip(p[:-2:2], p[1:-2:2]):
        x = torch.relu(torch.addmm(b, x, w))
    return torch.addmm(p[-1], x, p[-2])


def w3():
    batches = {n: (torch.from_numpy(normal(n, 784)), torch.zeros(n, dtype=torch.long)) for n in (64, 48)}
    torch.compile(lambda x: x + 1)(batches[64][0])

    def make():
        torch._dynamo.reset()
        sizes = ((784, 256), (256, 256), (256, 10))
        p = [v for a, b in sizes for v in (torch.from_numpy(normal(a, b)) * a**-0.5, torch.zeros(b))]
        p = [v.requires_grad_() for v in p]
        optimizer, loss_of = adam(p), torch.compile(lambda p, x, y: F.cross_entropy(mlp(p, x), y))

        def step(n):
            optimizer.zero_grad()
            loss = loss_of(p, *batches[n])
            loss.backward()
            optimizer.step()
            return loss.item()

        return step

    for variant, f in first_calls(make):
        yield case(variant, "compile", f, once=True)


def chain(x):
    return 0.5 * x * (1 + torch.tanh(0.7978845608 * (x + 0.044715 * x * x * x))) * torch.sigmoid(x) + x * x


def w4():
    for variant, size in (("chain_16M", 16 << 20), ("chain_64k", 1 << 16)):
        x = torch.from_numpy(normal(size))
        out = torch.empty_like(x)
        into = compiled(lambda x, out: out.copy_(chain(x)))
        yield case(variant, "eager", lambda x=x: chain(x))
        yield case(variant, "compile", lambda x=x, f=compiled(chain): f(x))
        yield case(variant, "compile, out", lambda x=x, out=out, f=into: f(x, out))
    x, gamma, beta = torch.from_numpy(normal(4096, 1024)), torch.ones(1024), torch.zeros(1024)
    square = torch.from_numpy(normal(4096, 4096))
    for variant, f, x in (
        ("softmax", lambda x: torch.softmax(x, -1), x),
        ("layer_norm", lambda x: F.layer_norm(x, (1024,), gamma, beta), x),
        ("sum_axis0", lambda x: x.sum(0), square),
        ("sum_axis1", lambda x: x.sum(1), square),
    ):
        yield case(variant, "eager", lambda x=x, f=f: f(x))
        yield case(variant, "compile", lambda x=x, f=compiled(f): f(x))


def w5():
    for variant, a, b, ta, tb in products():
        a, b = torch.from_numpy(a), torch.from_numpy(b)
        a, b = a.T if ta else a, b.T if tb else b
        out = a @ b
        yield case(variant, "eager", lambda a=a, b=b: a @ b)
        yield case(variant, "eager, out", lambda a=a, b=b, out=out: torch.matmul(a, b, out=out))


def train(variant, make, loss_of, x, y):
    for mode in ("eager", "eager, fused Adam", "compile"):
        torch._dynamo.reset()
        p = make()
        optimizer = adam(p, mode != "eager" or None)
        f = compiled(loss_of) if mode == "compile" else loss_of

        def step(p=p, optimizer=optimizer, f=f):
            optimizer.zero_grad()
            loss = F.cross_entropy(f(p, x), y)
            loss.backward()
            optimizer.step()
            return loss

        losses = [step().item() for _ in range(5)]
        yield case(variant, mode, step, loss=losses[4])


def w6():
    for batch in ("32", "512"):
        x, y = T("w6.x" + batch), T("w6.y" + batch).long()
        yield from train("batch" + batch, lambda: variables(MLP), mlp, x, y)


def cnn(p, x):
    x = torch.relu(F.conv2d(x, p[0], p[1]))
    x = torch.relu(F.conv2d(x, p[2], p[3]))
    x = F.max_pool2d(x, 2).flatten(1)
    return torch.addmm(p[7], torch.relu(torch.addmm(p[5], x, p[4])), p[6])


def w7():
    last = torch.channels_last

    def make():
        p = [T(name) for name in CNN]
        for i in (0, 2):
            p[i] = p[i].permute(3, 2, 0, 1).contiguous(memory_format=last)
        # Flattened images have their channels first here.
        p[4] = p[4].reshape(12, 12, 64, 128).permute(2, 0, 1, 3).reshape(9216, 128).contiguous()
        return [v.requires_grad_() for v in p]

    x, y = T("w7.x").permute(0, 3, 1, 2).contiguous(memory_format=last), T("w7.y").long()
    yield from train("train", make, cnn, x, y)
    p = [v.detach() for v in make()]
    for mode, f in (("eager", cnn), ("compile", compiled(cnn))):

        def infer(f=f):
            with torch.inference_mode():
                return f(p, x)

        yield case("infer", mode, infer)
    cx = T("w7.cx").permute(0, 3, 1, 2).contiguous(memory_format=last)
    w = T("w7.cw").permute(3, 2, 0, 1).contiguous(memory_format=last)
    dy = torch.ones(8, 64, 56, 56).contiguous(memory_format=last)
    forward = lambda: F.conv2d(cx, w, padding=1)
    backward = lambda dx, dw: torch.ops.aten.convolution_backward(
        dy, cx, w, None, [1, 1], [1, 1], [1, 1], False, [0, 0], 1, [dx, dw, False]
    )
    yield case("conv_y", "eager", forward)
    yield case("conv_dx", "eager", lambda: backward(True, False))
    yield case("conv_dw", "eager", lambda: backward(False, True))
    yield case("conv_y_dx_dw", "eager", lambda: (forward(), backward(True, True)))


def generator(g, z):
    z = F.elu(torch.addmm(g[1], z, g[0]))
    return torch.addmm(g[5], F.elu(torch.addmm(g[3], z, g[2])), g[4])


def discriminator(d, x):
    return torch.addmm(d[3], F.elu(torch.addmm(d[1], x, d[0])), d[2])


def bce(logits, label):
    return F.binary_cross_entropy_with_logits(logits, torch.full_like(logits, label))


def gan(mode):
    real, z, g, d = T("w8.real"), T("w8.z"), variables(GENERATOR), variables(DISCRIMINATOR)
    fused = mode != "eager" or None
    g_adam, d_adam = adam(g, fused), adam(d, fused)

    def d_loss(d, g):
        with torch.no_grad():
            fake = generator(g, z)
        return bce(discriminator(d, real), 1.0) + bce(discriminator(d, fake), 0.0)

    def g_loss(d, g):
        return bce(discriminator([v.detach() for v in d], generator(g, z)), 1.0)

    if mode == "compile":
        d_loss, g_loss = compiled(d_loss), compiled(g_loss)

    def pair():
        d_adam.zero_grad()
        d_loss(d, g).backward()
        d_adam.step()
        g_adam.zero_grad()
        loss = g_loss(d, g)
        loss.backward()
        g_adam.step()
        return loss

    return pair


def w8():
    for mode in ("eager", "eager, fused Adam", "compile"):
        torch._dynamo.reset()
        pair = gan(mode)
        losses = [pair().item() for _ in range(5)]
        yield case("pair", mode, pair, loss=losses[4])


def w13():
    pair = gan("eager, fused Adam")
    for _ in range(100):
        loss = pair()
    return "eager, fused Adam", loss.item()


def block(p, x, fused):
    wq, bq, wk, bk, wv, bv, wo, bo, f1, fb1, f2, fb2, g1, b1, g2, b2 = p
    heads = lambda t: t.view(8, 128, 8, 32).transpose(1, 2)
    h = F.layer_norm(x, (256,), g1, b1).view(-1, 256)
    q, k, v = heads(torch.addmm(bq, h, wq)), heads(torch.addmm(bk, h, wk)), heads(torch.addmm(bv, h, wv))
    if fused:
        a = F.scaled_dot_product_attention(q, k, v)
    else:
        a = torch.softmax(q @ k.transpose(-1, -2) * 32**-0.5, -1) @ v
    x = x.view(-1, 256) + torch.addmm(bo, a.transpose(1, 2).reshape(-1, 256), wo)
    h = F.gelu(torch.addmm(fb1, F.layer_norm(x, (256,), g2, b2), f1), approximate="tanh")
    return x + torch.addmm(fb2, h, f2)


def with_gradients(variant, mode, f, p):
    def step():
        for v in p:
            v.grad = None
        loss = f().square().mean()
        loss.backward()
        return loss

    return case(variant, mode, step, loss=step().item())


def w9():
    x = T("w9.x")
    for mode in ("eager", "eager, fused attention", "compile", "compile, fused attention"):
        torch._dynamo.reset()
        p, f = variables(BLOCK), lambda p, x, fused="fused" in mode: block(p, x, fused)
        f = compiled(f) if "compile" in mode else f
        yield with_gradients("block", mode, lambda p=p, f=f: f(p, x), p)


def w10():
    x = T("w10.x")

    def lstm(p):
        wx, wh, b = p
        rows = torch.addmm(b, x.view(-1, 128), wx).view(64, 32, 512)
        h = c = torch.zeros(32, 128)
        hs = []
        for row in rows:
            i, f, g, o = torch.addmm(row, h, wh).chunk(4, 1)
            c = torch.sigmoid(f) * c + torch.sigmoid(i) * torch.tanh(g)
            h = torch.sigmoid(o) * torch.tanh(c)
            hs.append(h)
        return torch.stack(hs)

    def rnn(p):
        wx, wh, b = p
        rows = torch.addmm(b, x.view(-1, 128), wx).view(64, 32, 128)
        h, hs = torch.zeros(32, 128), []
        for row in rows:
            h = torch.tanh(torch.addmm(row, h, wh))
            hs.append(h)
        return torch.stack(hs)

    p, r = variables(LSTM), variables(RNN)
    yield with_gradients("lstm", "eager", lambda: lstm(p), p)
    layer = torch.nn.LSTM(128, 128)
    with torch.no_grad():
        layer.weight_ih_l0.copy_(p[0].T)
        layer.weight_hh_l0.copy_(p[1].T)
        layer.bias_ih_l0.zero_()
        layer.bias_hh_l0.zero_()
    yield with_gradients("lstm", "nn.LSTM", lambda: layer(x)[0], list(layer.parameters()))
    yield with_gradients("rnn", "eager", lambda: rnn(r), r)


serve(globals(), w13, torch.__version__)
