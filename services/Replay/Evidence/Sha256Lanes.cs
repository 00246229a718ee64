using System.Buffers.Binary;
using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.X86;

namespace Monitoring.Replay.Evidence;

/// <summary>
/// SHA-256 (FIPS 180-4) of up to sixteen messages side by side, a 32-bit word of each in one AVX-512 register. The SHA instructions that libcrypto uses work on one message and wait for
/// their own results; sixteen at once take a third of the time.
/// </summary>
internal static unsafe class Sha256Lanes
{
    public const int Lanes = 16;
    public const int BlockBytes = 64;

    /// <summary>The marker bit and the length, at least.</summary>
    public const int PaddingBytes = 9;
    private const int StateWords = 8;

    private static ReadOnlySpan<uint> Constants =>
    [
        0x428a2f98, 0x71374491, 0xb5c0fbcf, 0xe9b5dba5, 0x3956c25b, 0x59f111f1, 0x923f82a4, 0xab1c5ed5,
        0xd807aa98, 0x12835b01, 0x243185be, 0x550c7dc3, 0x72be5d74, 0x80deb1fe, 0x9bdc06a7, 0xc19bf174,
        0xe49b69c1, 0xefbe4786, 0x0fc19dc6, 0x240ca1cc, 0x2de92c6f, 0x4a7484aa, 0x5cb0a9dc, 0x76f988da,
        0x983e5152, 0xa831c66d, 0xb00327c8, 0xbf597fc7, 0xc6e00bf3, 0xd5a79147, 0x06ca6351, 0x14292967,
        0x27b70a85, 0x2e1b2138, 0x4d2c6dfc, 0x53380d13, 0x650a7354, 0x766a0abb, 0x81c2c92e, 0x92722c85,
        0xa2bfe8a1, 0xa81a664b, 0xc24b8b70, 0xc76c51a3, 0xd192e819, 0xd6990624, 0xf40e3585, 0x106aa070,
        0x19a4c116, 0x1e376c08, 0x2748774c, 0x34b0bcb5, 0x391c0cb3, 0x4ed8aa4a, 0x5b9cca4f, 0x682e6ff3,
        0x748f82ee, 0x78a5636f, 0x84c87814, 0x8cc70208, 0x90befffa, 0xa4506ceb, 0xbef9a3f7, 0xc67178f2,
    ];

    private static Vector128<byte> Swap => Vector128.Create((byte)3, 2, 1, 0, 7, 6, 5, 4, 11, 10, 9, 8, 15, 14, 13, 12);

    /// <summary>Whether this processor can.</summary>
    public static bool IsSupported => Avx512F.IsSupported && Avx512BW.IsSupported;

    /// <summary>Blocks of a message of that many bytes, with its padding.</summary>
    public static int Blocks(int length) => (length + PaddingBytes + BlockBytes - 1) / BlockBytes;

    /// <summary>Writes the padding behind a message; <paramref name="blocks"/> is as long as <see cref="Blocks"/> says, and the message lies at its start.</summary>
    public static void Pad(Span<byte> blocks, int length)
    {
        blocks[length..].Clear();
        blocks[length] = 0x80;
        BinaryPrimitives.WriteUInt64BigEndian(blocks[^8..], (ulong)length * 8);
    }

    /// <summary>Hashes padded messages.</summary>
    /// <param name="data">Where they lie.</param>
    /// <param name="starts">Start of each, 1 to 16.</param>
    /// <param name="blocks">Blocks of each.</param>
    /// <param name="hashes">Gets 32 bytes of each, in their order.</param>
    public static void Compute(ReadOnlySpan<byte> data, ReadOnlySpan<int> starts, ReadOnlySpan<int> blocks, Span<byte> hashes)
    {
        var longest = 0;
        for (var i = 0; i < starts.Length; i++)
        {
            longest = Math.Max(longest, blocks[i]);
            ArgumentOutOfRangeException.ThrowIfGreaterThan(starts[i] + (blocks[i] * BlockBytes), data.Length);
        }

        ArgumentOutOfRangeException.ThrowIfLessThan(hashes.Length, starts.Length * MerkleTree.HashSize);
        ArgumentOutOfRangeException.ThrowIfGreaterThan(starts.Length, Lanes);
        var state = stackalloc Vector512<uint>[StateWords];
        var words = stackalloc Vector512<uint>[Lanes];
        state[0] = Vector512.Create(0x6a09e667u);
        state[1] = Vector512.Create(0xbb67ae85u);
        state[2] = Vector512.Create(0x3c6ef372u);
        state[3] = Vector512.Create(0xa54ff53au);
        state[4] = Vector512.Create(0x510e527fu);
        state[5] = Vector512.Create(0x9b05688cu);
        state[6] = Vector512.Create(0x1f83d9abu);
        state[7] = Vector512.Create(0x5be0cd19u);
        fixed (byte* source = data)
        {
            for (var block = 0; block < longest; block++)
            {
                for (var lane = 0; lane < Lanes; lane++)
                {
                    // A message that has ended, or that is not there, repeats a block: nobody reads what becomes of it.
                    var message = Math.Min(lane, starts.Length - 1);
                    words[lane] = Vector512.Load(source + starts[message] + (Math.Min(block, blocks[message] - 1) * BlockBytes)).AsUInt32();
                }

                Transpose(words);
                Compress(state, words);
                for (var lane = 0; lane < starts.Length; lane++)
                {
                    if (blocks[lane] == block + 1)
                    {
                        for (var word = 0; word < StateWords; word++)
                        {
                            BinaryPrimitives.WriteUInt32BigEndian(hashes[((lane * MerkleTree.HashSize) + (word * 4))..], ((uint*)(state + word))[lane]);
                        }
                    }
                }
            }
        }
    }

    /// <summary>From a message a vector to a word of all messages a vector, big-endian.</summary>
    private static void Transpose(Vector512<uint>* words)
    {
        var half = Vector256.Create(Swap, Swap);
        var swap = Vector512.Create(half, half);
        var quarters = stackalloc Vector512<uint>[Lanes];
        for (var g = 0; g < 4; g++)
        {
            var r0 = Avx512BW.Shuffle(words[(4 * g) + 0].AsByte(), swap).AsUInt32();
            var r1 = Avx512BW.Shuffle(words[(4 * g) + 1].AsByte(), swap).AsUInt32();
            var r2 = Avx512BW.Shuffle(words[(4 * g) + 2].AsByte(), swap).AsUInt32();
            var r3 = Avx512BW.Shuffle(words[(4 * g) + 3].AsByte(), swap).AsUInt32();
            var t0 = Avx512F.UnpackLow(r0, r1).AsUInt64();
            var t1 = Avx512F.UnpackHigh(r0, r1).AsUInt64();
            var t2 = Avx512F.UnpackLow(r2, r3).AsUInt64();
            var t3 = Avx512F.UnpackHigh(r2, r3).AsUInt64();

            // Quarter q of vector k: word 4q + k of these four messages.
            quarters[g] = Avx512F.UnpackLow(t0, t2).AsUInt32();
            quarters[4 + g] = Avx512F.UnpackHigh(t0, t2).AsUInt32();
            quarters[8 + g] = Avx512F.UnpackLow(t1, t3).AsUInt32();
            quarters[12 + g] = Avx512F.UnpackHigh(t1, t3).AsUInt32();
        }

        for (var k = 0; k < 4; k++)
        {
            var u = quarters + (4 * k);
            var a = Avx512F.Shuffle4x128(u[0], u[1], 0x88);
            var b = Avx512F.Shuffle4x128(u[0], u[1], 0xdd);
            var c = Avx512F.Shuffle4x128(u[2], u[3], 0x88);
            var d = Avx512F.Shuffle4x128(u[2], u[3], 0xdd);
            words[k] = Avx512F.Shuffle4x128(a, c, 0x88);
            words[4 + k] = Avx512F.Shuffle4x128(b, d, 0x88);
            words[8 + k] = Avx512F.Shuffle4x128(a, c, 0xdd);
            words[12 + k] = Avx512F.Shuffle4x128(b, d, 0xdd);
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void Compress(Vector512<uint>* state, Vector512<uint>* w)
    {
        ref var constant = ref MemoryMarshal.GetReference(Constants);
        var (a, b, c, d) = (state[0], state[1], state[2], state[3]);
        var (e, f, g, h) = (state[4], state[5], state[6], state[7]);
        for (var t = 0; t < 64; t += 8)
        {
            if (t >= 16)
            {
                for (var i = t & 15; i < (t & 15) + 8; i++)
                {
                    w[i] += SmallSigma0(w[(i + 1) & 15]) + w[(i + 9) & 15] + SmallSigma1(w[(i + 14) & 15]);
                }
            }

            var x = w + (t & 15);
            ref var k = ref Unsafe.Add(ref constant, t);
            Round(a, b, c, ref d, e, f, g, ref h, x[0] + Vector512.Create(k));
            Round(h, a, b, ref c, d, e, f, ref g, x[1] + Vector512.Create(Unsafe.Add(ref k, 1)));
            Round(g, h, a, ref b, c, d, e, ref f, x[2] + Vector512.Create(Unsafe.Add(ref k, 2)));
            Round(f, g, h, ref a, b, c, d, ref e, x[3] + Vector512.Create(Unsafe.Add(ref k, 3)));
            Round(e, f, g, ref h, a, b, c, ref d, x[4] + Vector512.Create(Unsafe.Add(ref k, 4)));
            Round(d, e, f, ref g, h, a, b, ref c, x[5] + Vector512.Create(Unsafe.Add(ref k, 5)));
            Round(c, d, e, ref f, g, h, a, ref b, x[6] + Vector512.Create(Unsafe.Add(ref k, 6)));
            Round(b, c, d, ref e, f, g, h, ref a, x[7] + Vector512.Create(Unsafe.Add(ref k, 7)));
        }

        state[0] += a;
        state[1] += b;
        state[2] += c;
        state[3] += d;
        state[4] += e;
        state[5] += f;
        state[6] += g;
        state[7] += h;
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void Round(Vector512<uint> a, Vector512<uint> b, Vector512<uint> c, ref Vector512<uint> d, Vector512<uint> e, Vector512<uint> f, Vector512<uint> g, ref Vector512<uint> h, Vector512<uint> word)
    {
        var sum1 = Avx512F.TernaryLogic(Avx512F.RotateRight(e, 6), Avx512F.RotateRight(e, 11), Avx512F.RotateRight(e, 25), Xor);
        var choice = Avx512F.TernaryLogic(e, f, g, Choose);
        var first = h + word + sum1 + choice;
        var sum0 = Avx512F.TernaryLogic(Avx512F.RotateRight(a, 2), Avx512F.RotateRight(a, 13), Avx512F.RotateRight(a, 22), Xor);
        d += first;
        h = first + sum0 + Avx512F.TernaryLogic(a, b, c, Majority);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector512<uint> SmallSigma0(Vector512<uint> x) =>
        Avx512F.TernaryLogic(Avx512F.RotateRight(x, 7), Avx512F.RotateRight(x, 18), Avx512F.ShiftRightLogical(x, 3), Xor);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector512<uint> SmallSigma1(Vector512<uint> x) =>
        Avx512F.TernaryLogic(Avx512F.RotateRight(x, 17), Avx512F.RotateRight(x, 19), Avx512F.ShiftRightLogical(x, 10), Xor);

    // Truth tables of vpternlog, the first operand being the highest bit of the index.
    private const byte Xor = 0x96;
    private const byte Choose = 0xca;
    private const byte Majority = 0xe8;
}
