// Where a sum becomes cells: every bit of an adder is a full-adder cell of the library, carries ripple. It is the smallest
// adder there is, and a synthesis without a clock to meet should choose it. A bit with a constant operand becomes gates, which
// the optimizer makes less of.
//
// ($alu is Yosys's adder and subtractor: Y = A + (B ^ BI) + CI.)
(* techmap_celltype = "$alu" *)
module adder (A, B, CI, BI, X, Y, CO);
    parameter A_SIGNED = 0, B_SIGNED = 0, A_WIDTH = 1, B_WIDTH = 1, Y_WIDTH = 1;
    parameter [A_WIDTH-1:0] _TECHMAP_CONSTMSK_A_ = 0;
    parameter [B_WIDTH-1:0] _TECHMAP_CONSTMSK_B_ = 0;
    parameter _TECHMAP_CONSTMSK_CI_ = 0;

    input [A_WIDTH-1:0] A;
    input [B_WIDTH-1:0] B;
    input CI, BI;
    output [Y_WIDTH-1:0] X, Y, CO;

    wire [Y_WIDTH-1:0] a, b;
    wire [Y_WIDTH:0] carry;
    \$pos #(.A_SIGNED(A_SIGNED), .A_WIDTH(A_WIDTH), .Y_WIDTH(Y_WIDTH)) extend_a (.A(A), .Y(a));
    \$pos #(.A_SIGNED(B_SIGNED), .A_WIDTH(B_WIDTH), .Y_WIDTH(Y_WIDTH)) extend_b (.A(B), .Y(b));
    wire [Y_WIDTH-1:0] other = b ^ {Y_WIDTH{BI}};
    assign carry[0] = CI;
    assign X = a ^ other;
    assign CO = carry[Y_WIDTH:1];

    genvar i;
    generate
        for (i = 0; i < Y_WIDTH; i = i + 1) begin
            localparam a_constant = i < A_WIDTH ? _TECHMAP_CONSTMSK_A_[i] : A_SIGNED ? _TECHMAP_CONSTMSK_A_[A_WIDTH-1] : 1;
            localparam b_constant = i < B_WIDTH ? _TECHMAP_CONSTMSK_B_[i] : B_SIGNED ? _TECHMAP_CONSTMSK_B_[B_WIDTH-1] : 1;
            if (a_constant | b_constant | (i == 0 & _TECHMAP_CONSTMSK_CI_)) begin
                assign Y[i] = a[i] ^ other[i] ^ carry[i];
                assign carry[i+1] = a[i] & other[i] | a[i] & carry[i] | other[i] & carry[i];
            end else
                FAX1 full_adder (.A(a[i]), .B(other[i]), .C(carry[i]), .YC(carry[i+1]), .YS(Y[i]));
        end
    endgenerate
endmodule
